"""Invitation links are hostile input: credentials, look-alikes, private networks."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LinkError
from m3core.limits import MAX_LINK
from m3core.rest.link import (
    ControllerCandidate,
    InviteLink,
    controller_candidates,
    parse_controller_url,
    signaling_url,
)

_CODE = "126b1a70-e891-4f9e-b401-ac39af0860c4"
_ROOM = "f1aec560-95c3-4f34-aebb-9114270aa666"
_BREAKOUT = "c89e8ce3-708c-4e3d-80c9-eba5957146e7"


def test_the_form_of_the_capture() -> None:
    link = InviteLink.parse(f"https://meet.example.org/invite/{_CODE}")
    assert link == InviteLink("https://meet.example.org", link.invite_code)
    assert link.invite_code == _CODE
    assert not link.is_loopback


@pytest.mark.parametrize(
    ("path", "breakout"),
    [
        (f"/room/{_ROOM}?invite={_CODE}", None),
        (f"/room/{_ROOM}/?utm=mail&invite={_CODE}", None),
        (f"/room/{_ROOM}/{_BREAKOUT}?invite={_CODE}", _BREAKOUT),
    ],
)
def test_the_form_of_later_web_clients(path: str, breakout: str | None) -> None:
    link = InviteLink.parse(f"https://meet.example.org{path}")
    assert (link.room_id, link.breakout_room, link.invite_code) == (_ROOM, breakout, _CODE)


def test_invite_codes_are_in_lower_case() -> None:
    for path in (f"/invite/{_CODE.upper()}", f"/room/{_ROOM}?invite={_CODE.upper()}"):
        assert InviteLink.parse(f"https://meet.example.org{path}").invite_code == _CODE


def test_the_invite_code_is_not_in_the_repr() -> None:
    assert _CODE not in repr(InviteLink.parse(f"https://meet.example.org/invite/{_CODE}"))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("MEET.Example.ORG", "https://meet.example.org"),
        ("meet.example.org:443", "https://meet.example.org"),
        ("meet.example.org:8443", "https://meet.example.org:8443"),
        ("meet.example.org:65535", "https://meet.example.org:65535"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("аpple.example", "https://xn--pple-43d.example"),  # a Cyrillic first letter
        ("93.184.216.34", "https://93.184.216.34"),
        ("[2606:2800:220:1::]", "https://[2606:2800:220:1::]"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("１２７.0.0.1", "https://127.0.0.1"),
        ("localhost", "https://localhost"),
    ],
)
def test_origins(host: str, origin: str) -> None:
    assert InviteLink.parse(f"https://{host}/invite/{_CODE}").origin == origin


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "demo.localhost", "127.0.0.1", "127.8.9.10", "[::1]"])
@pytest.mark.parametrize("port", ["", ":8080"])
def test_loopback_may_be_plain_http(host: str, port: str) -> None:
    text = f"http://{host}{port}/invite/{_CODE}"
    link = InviteLink.parse(text)
    assert link.is_loopback
    assert link.origin == f"http://{host.lower()}{port}"
    assert InviteLink.parse(text, controller="http://127.0.0.1:8080") == link
    assert controller_candidates(link) == (ControllerCandidate(link.origin, probe=False),)
    with pytest.raises(LinkError, match="on another one"):
        InviteLink.parse(text, controller="https://controller.example.org")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "meet.example.org/invite/{}",
        "//evil.example/invite/{}",
        "ftp://meet.example.org/invite/{}",
        "file:///invite/{}",
        "javascript:alert(1)//invite/{}",
        "https:/meet.example.org/invite/{}",
        "https:meet.example.org/invite/{}",
        "https:///invite/{}",
        "http://meet.example.org/invite/{}",
        "http://93.184.216.34/invite/{}",
        "https://good.example@evil.example/invite/{}",
        "https://good.example:x@evil.example/invite/{}",
        "https://@evil.example/invite/{}",
        "https://good.example\\@evil.example/invite/{}",
        "https://good.example\\.evil.example/invite/{}",
        "https://good.example/\\evil.example/invite/{}",
        "https://good.example%40evil.example/invite/{}",
        "https://good.example#@evil.example/invite/{}",
        "https://good.example/invite/{}#",
        "https://good.example/invite/{}#x",
        "https://good.example/invite/{}?x#y",
        " https://good.example/invite/{}",
        "https://good.example/invite/{}\n",
        "https://good\t.example/invite/{}",
        "https://good.example/invite/\x00{}",
        "https://good.example/invite/{}\x7f",
        "https://good.example/invite/{}\x85",
        "https://good.example/invite/{}\u2028",
        "https://good.example/invite/{}?\u202e",
        "https://good.example\xa0/invite/{}",
        "https://good.example:0/invite/{}",
        "https://good.example:65536/invite/{}",
        "https://good.example:99999999999/invite/{}",
        "https://good.example:/invite/{}",
        "https://good.example:+80/invite/{}",
        "https://good.example:8_0/invite/{}",
        "https://good.example:８０/invite/{}",
        "https://good.example:80:80/invite/{}",
        "https://good..example/invite/{}",
        "https://.example/invite/{}",
        "https://good.example./invite/{}",
        "https://-good.example/invite/{}",
        "https://go*d.example/invite/{}",
        "https://go,od.example/invite/{}",
        "https://" + "a" * 64 + ".example/invite/{}",
        "https://" + "a." * 130 + "example/invite/{}",
        "https://xn--.example/invite/{}\ud800",
        "https://0.0.0.0/invite/{}",
        "https://10.0.0.1/invite/{}",
        "https://172.16.0.1/invite/{}",
        "https://192.168.1.1/invite/{}",
        "https://169.254.169.254/invite/{}",
        "https://100.64.0.1/invite/{}",
        "https://224.0.0.1/invite/{}",
        "https://255.255.255.255/invite/{}",
        "https://2130706433/invite/{}",
        "https://0x7f000001/invite/{}",
        "https://0x7f.1/invite/{}",
        "https://127.1/invite/{}",
        "https://0177.0.0.1/invite/{}",
        "https://127.0.0.01/invite/{}",
        "https://1.2.3.4.5/invite/{}",
        "https://1.2.3.256/invite/{}",
        "https://evil.example.0x/invite/{}",
        "https://[::]/invite/{}",
        "https://[fe80::1]/invite/{}",
        "https://[fe80::1%25eth0]/invite/{}",
        "https://[2606:2800::1%eth0]/invite/{}",
        "https://[fd00::1]/invite/{}",
        "https://[fec0::1]/invite/{}",
        "https://[ff02::1]/invite/{}",
        "https://[::ffff:127.0.0.1]/invite/{}",
        "https://[::ffff:10.0.0.1]/invite/{}",
        "https://[::ffff:93.184.216.34]/invite/{}",
        "https://[64:ff9b::a00:1]/invite/{}",
        "https://[2002:a00:1::]/invite/{}",
        "https://[2001:0:a00:1::]/invite/{}",
        "https://[::1/invite/{}",
        "https://[::1]x/invite/{}",
        "https://[x]/invite/{}",
        "https://good.example/",
        "https://good.example",
        "https://good.example/invite/",
        "https://good.example/invite/x",
        "https://good.example/invite/../{}",
        "https://good.example//invite/{}",
        "https://good.example/invite/{}/x",
        "https://good.example/invite/{}//",
        "https://good.example/a/invite/{}",
        "https://good.example/invite/%31{}",
        f"https://good.example/room/{_ROOM}",
        f"https://good.example/room/{_ROOM}?invite=x",
        f"https://good.example/room/{_ROOM}?invite={{}}&invite={{}}",
        "https://good.example/room/x?invite={}",
        f"https://good.example/room/{_ROOM}/x?invite={{}}",
        f"https://good.example/room/{_ROOM}/{_ROOM}/{_ROOM}?invite={{}}",
        "https://good.example/invite/{}?" + "x" * MAX_LINK,
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(LinkError) as caught:
        InviteLink.parse(url.replace("{}", _CODE))
    assert _CODE not in str(caught.value)
    assert "evil" not in str(caught.value)


def test_the_length_limit_is_exact() -> None:
    text = f"https://good.example/invite/{_CODE}?"
    InviteLink.parse(text.ljust(MAX_LINK, "x"))
    with pytest.raises(LinkError, match="longer"):
        InviteLink.parse(text.ljust(MAX_LINK + 1, "x"))


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]"])
def test_private_addresses_when_allowed(host: str) -> None:
    link = InviteLink.parse(f"https://{host}/invite/{_CODE}", allow_private=True)
    assert not link.is_loopback
    assert controller_candidates(link) == (ControllerCandidate(link.origin, probe=False),)
    with pytest.raises(LinkError, match="start with https"):
        InviteLink.parse(f"http://{host}/invite/{_CODE}", allow_private=True)
    assert parse_controller_url(f"https://{host}/", allow_private=True) == link.origin
    with pytest.raises(LinkError, match="private network; allow_private=True allows it") as caught:
        parse_controller_url(f"https://{host}/")
    assert caught.value.is_private
    assert caught.value.reason == "the host is an address of a private network"


@pytest.mark.parametrize("named", ["https://10.0.0.1", "https://[fd00::1]", "http://127.0.0.1:8080"])
def test_a_controller_that_a_guest_names_is_trusted(named: str) -> None:
    link = InviteLink.parse(f"https://meet.example.org/invite/{_CODE}")
    assert controller_candidates(link, named) == (ControllerCandidate(named, probe=False),)


def test_candidates_of_a_public_link() -> None:
    link = InviteLink.parse(f"https://meet.example.org:8443/invite/{_CODE}")
    assert controller_candidates(link) == (
        ControllerCandidate("https://meet.example.org:8443", probe=True),
        ControllerCandidate("https://controller.meet.example.org:8443", probe=False),
    )
    assert controller_candidates(link, "https://CONTROLLER.lan/") == (
        ControllerCandidate("https://controller.lan", probe=False),
    )
    with pytest.raises(LinkError):
        controller_candidates(link, "http://controller.lan")


def test_no_candidate_has_a_name_that_is_too_long() -> None:
    long = ".".join(["a" * 60] * 4)
    link = InviteLink.parse(f"https://{long}/invite/{_CODE}")
    assert controller_candidates(link) == (ControllerCandidate(f"https://{long}", probe=False),)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://controller.example.org", "wss://controller.example.org/signaling"),
        ("https://controller.example.org:8443/", "wss://controller.example.org:8443/signaling"),
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/signaling"),
        ("https://192.168.1.4", "wss://192.168.1.4/signaling"),
    ],
)
def test_signaling_url(base: str, url: str) -> None:
    assert signaling_url(base) == url


@pytest.mark.parametrize("text", ["https://a.example/v1", "https://a.example/?x", "https://a.example?x", "a.example"])
def test_controller_urls_have_no_path(text: str) -> None:
    with pytest.raises(LinkError):
        parse_controller_url(text)


@given(st.text() | st.from_regex(r"https?://[^/]{0,20}/(invite|room)/[^/]{0,40}.*"))
def test_any_text_is_a_link_or_a_link_error(text: str) -> None:
    for parse in (InviteLink.parse, parse_controller_url):
        with contextlib.suppress(LinkError):
            parse(text)


@given(st.from_regex(r"\Ahttps://[a-z0-9.\[\]:@%-]{1,30}\Z"))
def test_a_parsed_address_is_stable(text: str) -> None:
    try:
        url = parse_controller_url(text)
    except LinkError:
        return
    assert parse_controller_url(url) == url
