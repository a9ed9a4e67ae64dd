"""A client's and a server's `Frames` beside each other; controller/test_http_websocket.py has malformed frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LocalProtocolError
from m3core.frames import NEED_DATA, Closed, Frames, FrameState, PingReceived, PongReceived, TextReceived, accept_token
from m3core.limits import MAX_MESSAGE
from m3core.testing import seeded_entropy


def _pair() -> tuple[Frames, Frames]:
    return Frames(seeded_entropy()), Frames()


@given(st.lists(st.text(max_size=200)), st.integers(min_value=1, max_value=50))
def test_what_one_end_says_the_other_hears(texts: list[str], piece: int) -> None:
    for sender, receiver in (_pair(), reversed(_pair())):
        for text in texts:
            sender.send_text(text.encode())
        data = sender.data_to_send()
        heard = []
        for at in range(0, len(data), piece):
            receiver.receive_data(data[at : at + piece])
            while (event := receiver.next_event()) is not NEED_DATA:
                heard.append(event)
        assert heard == [TextReceived(text.encode()) for text in texts]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_client_masks_every_frame_with_a_new_key(size: int) -> None:
    client, server = _pair()
    client.send_text(b"a" * size)
    client.send_text(b"a" * size)
    data = client.data_to_send()
    first, second = data[: len(data) // 2], data[len(data) // 2 :]
    assert first != second
    assert first[1] & 0x80
    server.receive_data(data)
    assert server.next_event() == server.next_event() == TextReceived(b"a" * size)


def test_pings_and_closes_of_both_ends() -> None:
    client, server = _pair()
    client.ping(b"there?")
    server.receive_data(client.data_to_send())
    assert server.next_event() is NEED_DATA
    client.receive_data(server.data_to_send())
    assert client.next_event() == PongReceived(b"there?")
    with pytest.raises(LocalProtocolError, match="has 126 bytes; at most 125"):
        client.ping(b"x" * 126)
    server.ping(b"heartbeat")
    client.receive_data(server.data_to_send())
    assert client.next_event() == PingReceived()
    server.receive_data(client.data_to_send())
    assert server.next_event() == PongReceived(b"heartbeat")
    client.close(1000)
    client.send_text(b"too late")
    server.receive_data(client.data_to_send())
    assert server.next_event() == Closed(1000)
    client.receive_data(server.data_to_send())
    assert client.next_event() == Closed(1000)
    assert client.state is server.state is FrameState.CLOSED
    client.receive_data(b"more")
    client.drop()
    assert client.next_event() is NEED_DATA
    assert not client.dropped


def test_each_end_refuses_the_frames_of_its_own_kind() -> None:
    for sender, receiver in ((Frames(), Frames()), (Frames(seeded_entropy()), Frames(seeded_entropy()))):
        sender.send_text(b"x")
        receiver.receive_data(sender.data_to_send())
        assert receiver.next_event() == Closed(None)


def _fed(frames: Frames, *pieces: bytes) -> list[object]:
    told: list[object] = []
    for piece in pieces:
        frames.receive_data(piece)
        while (event := frames.next_event()) is not NEED_DATA:
            told.append(event)
    return told


_LONG = b"\x81\x7f" + MAX_MESSAGE.to_bytes(8, "big")
_TOO_LONG = b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big")


def test_a_message_of_the_largest_size_in_pieces() -> None:
    body = b" " * (MAX_MESSAGE // 16)
    for ping in (b"", b"\x89\x7d" + b"x" * 60):  # half of a ping between fragments is not counted
        fragments = b"\x01\x7f" + (MAX_MESSAGE - 1).to_bytes(8, "big")
        pieces = (fragments, *[body] * 15, body[:-1], ping, b"x" * 65 if ping else b"", b"\x80\x01 ")
        told = _fed(Frames(seeded_entropy()), *filter(None, pieces))
        assert told == [PingReceived()] * bool(ping) + [TextReceived(b" " * MAX_MESSAGE)]
    assert _fed(Frames(seeded_entropy()), _LONG, *[body] * 16) == [TextReceived(b" " * MAX_MESSAGE)]


@pytest.mark.parametrize(
    "pieces",
    [
        (_TOO_LONG,),
        (b"\x81\x7f\x40" + b"\0" * 7,),
        (_TOO_LONG + b" " * 100,),
        (b"\x01\x01 ", b"\x80\x7f" + MAX_MESSAGE.to_bytes(8, "big")),
    ],
)
def test_a_length_beyond_the_limit_is_not_waited_for(pieces: tuple[bytes, ...]) -> None:
    client = Frames(seeded_entropy())
    assert _fed(client, *pieces) == [Closed(None)]
    assert client.failed_with == 1009
    assert client.state is FrameState.CLOSING  # the server still sends the rest, and then its own close frame
    assert _fed(client, b" " * 1000) == []
    assert client.state is FrameState.CLOSING


def test_the_accept_token_of_the_standard() -> None:
    """The example of RFC 6455 s.1.3."""
    assert accept_token("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_no_other_module_computes_it() -> None:
    folders = [Path(__file__).parents[2] / name for name in ("m3core", "m3asyncio", "m3trio")]
    texts = {path.name: path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")}
    assert [name for name, text in texts.items() if "258EAFA5" in text.upper()] == []
    assert [name for name, text in texts.items() if "generate_accept_token" in text] == ["frames.py"]


_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


def _framed(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame with a mask of zeros."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes((fin << 7 | opcode,)) + length + bytes(4) + payload


@pytest.mark.parametrize(
    ("data", "units"),
    [
        (_framed(_TEXT, b"x" * 5_000), 0),  # the receiver of the text knows its size
        (_framed(_PING), 1),
        (_framed(_PONG, b"x" * 125) * 3, 3),
        (_framed(_CLOSE), 1),
        (_framed(_TEXT, b"a", fin=False), 1),
        (_framed(_TEXT, b"a", fin=False) + _framed(0, fin=False) * 5, 6),
        (_framed(_TEXT, fin=False) + _framed(0), 2),
        (_framed(_TEXT, b"x" * 1_024, fin=False), 1),
        (_framed(_TEXT, b"x" * 1_025, fin=False), 2),
        (_framed(_TEXT, b"x" * 1_024, fin=False) + _framed(0, b"x" * 1_024), 3),
        ((_framed(_TEXT, b"x" * 1_024, fin=False) + _framed(0)) * 2, 4),
        (_framed(_TEXT, b"x", fin=False) + _framed(_PING) + _framed(0), 3),
        (_framed(_TEXT, b"\xff", fin=False) + _framed(0), 2),  # discarded
        (_framed(_BINARY, b"\xff" * 2_048), 2),  # its text is empty, and does not tell its size
        (_framed(_TEXT, b"x" * 5_000)[:-1], 5),  # the rest may never come
    ],
)
def test_work_is_counted_when_it_comes(data: bytes, units: int) -> None:
    for piece in (len(data), 1_000, 1):
        server = Frames()
        for at in range(0, len(data), piece):
            server.receive_data(data[at : at + piece])
            while (event := server.next_event()) is not NEED_DATA:
                if isinstance(event, TextReceived) and not event.is_counted:
                    assert piece >= len(data)
        if units:  # a text that comes in pieces is counted, and one that comes whole is not
            assert server.take_work() == units
        assert server.take_work() in (0, 5)
        assert server.take_work() == 0


def test_a_message_in_pieces_costs_what_it_costs_as_a_whole() -> None:
    server = Frames()
    data = _framed(_TEXT, b"x" * 5_000)
    for at in range(0, len(data), 999):
        server.receive_data(data[at : at + 999])
        while server.step():
            pass
    event = server.take_event()
    assert event == TextReceived(b"x" * 5_000)
    assert isinstance(event, TextReceived)
    assert event.is_counted
    assert server.take_work() == 5
    server.receive_data(data)
    assert server.step()
    event = server.take_event()
    assert isinstance(event, TextReceived)
    assert not event.is_counted
    assert server.take_work() == 0


def test_what_comes_after_our_close_frame_is_counted() -> None:
    server = Frames()
    server.close(1008)
    server.receive_data(_framed(_TEXT, b"x" * 2_000) * 3)
    assert server.next_event() is NEED_DATA
    assert server.take_work() == 6


def test_each_step_reads_one_frame() -> None:
    server = Frames()
    server.receive_data(_framed(_PING) * 3 + _framed(_TEXT, b"a"))
    for _ in range(3):
        assert server.step()
        assert server.take_event() is None
        assert server.take_work() == 1
    assert server.step()
    assert server.take_event() == TextReceived(b"a")
    assert not server.step()


def test_a_frame_that_says_it_is_too_long_is_refused_before_it_comes() -> None:
    server = Frames()
    head = b"\x81\xff" + (MAX_MESSAGE + 1).to_bytes(8) + bytes(4)
    server.receive_data(head + b"x")
    assert server.next_event() == Closed(None)
    assert server.state is FrameState.CLOSING
    assert server.data_to_send() == b"\x88\x02\x03\xf1"
    server = Frames()
    server.receive_data(b"\x81\xff" + MAX_MESSAGE.to_bytes(8) + bytes(4) + b"x")
    assert server.next_event() is NEED_DATA
    assert server.state is FrameState.OPEN
