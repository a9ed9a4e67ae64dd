"""The minutes on the server: who gets which address (signaling.md § 13); and namespaces that are not offered."""

from __future__ import annotations

import pytest
from stage import Line, Pads, Stage

from m3core.controller.features import FeatureLevel

NOBODY = "00000000-0000-4000-8000-000000000000"


def server_with_pads(level: FeatureLevel = FeatureLevel.CAPTURE) -> Stage:
    return Stage(level, pads=Pads())


def writes(line: Line) -> dict[str, str]:
    return {"message": "write_url", "url": f"write/{line.stage.room}/None/{line.id}"}


def reads(line: Line) -> dict[str, str]:
    return {"message": "read_url", "url": f"read/{line.stage.room}/None/{line.id}"}


def select(moderator: Line, *ids: str) -> None:
    moderator.say("protocol", "select_writer", participant_ids=list(ids))


def deselect(moderator: Line, *ids: str) -> None:
    moderator.say("protocol", "deselect_writer", participant_ids=list(ids))


def errors(line: Line) -> list[str]:
    return [payload["error"] for payload in line.heard("protocol") if payload["message"] == "error"]


def test_the_first_selection_gives_everybody_an_address() -> None:
    server = server_with_pads()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    select(ada, bob.id)
    assert server.log == [
        ("Ada", "protocol.read_url"),
        ("Bob", "control.update"),
        ("Cyd", "control.update"),
        ("Bob", "protocol.write_url"),
        ("Ada", "control.update"),
        ("Cyd", "control.update"),
        ("Cyd", "protocol.read_url"),
        ("Ada", "control.update"),
        ("Bob", "control.update"),
    ]
    told = ada.heard()
    assert told[0] == reads(ada)
    assert [(one["id"], one["protocol"]) for one in told[1:]] == [
        (bob.id, {"readonly": False}),
        (cyd.id, {"readonly": True}),
    ]
    assert bob.heard("protocol") == [writes(bob)]
    assert cyd.heard("protocol") == [reads(cyd)]
    server.settle()


def test_later_selections_concern_their_targets() -> None:
    server = server_with_pads()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    select(ada, bob.id)
    server.forget()
    select(ada, bob.id, cyd.id, cyd.id)
    assert [entry for entry in server.log if entry[1].startswith("protocol")] == [
        ("Bob", "protocol.write_url"),
        ("Cyd", "protocol.write_url"),
    ]
    server.forget()
    deselect(ada, ada.id, bob.id)  # who does not write is not told again
    assert server.log == [("Bob", "protocol.read_url"), ("Ada", "control.update"), ("Cyd", "control.update")]
    assert bob.heard() == [reads(bob)]
    assert cyd.heard()[0]["protocol"] == {"readonly": True}
    server.settle()


def test_who_comes_late_reads() -> None:
    server = server_with_pads()
    ada, bob = server.joined("Ada", "Bob")
    select(ada, bob.id)
    bob.leave()
    server.forget()
    back = server.guest("Bob", resumption=bob.resumption)
    success = back.join()
    assert success["id"] == bob.id
    assert server.log == [
        ("Bob", "control.join_success"),
        ("Ada", "control.joined"),
        ("Bob", "protocol.read_url"),
        ("Ada", "control.update"),
    ]
    joined, update = ada.heard()
    assert "protocol" not in joined
    assert update["protocol"] == {"readonly": True}
    assert back.heard()[1] == reads(back)
    (entry,) = success["participants"]
    assert entry["protocol"] == {"readonly": True}
    back.leave()
    (gone,) = [one for one in server.guest("Cyd").join()["participants"] if one["id"] == bob.id]
    assert "protocol" not in gone
    server.settle()


def test_what_is_refused() -> None:
    server = server_with_pads()
    ada, bob = server.joined("Ada", "Bob")
    for action in ("select_writer", "deselect_writer", "generate_pdf"):
        bob.say("protocol", action, participant_ids=[bob.id])
    assert errors(bob) == ["insufficient_permissions"] * 3
    deselect(ada, bob.id)
    ada.say("protocol", "generate_pdf")
    assert errors(ada) == ["not_initialized"] * 2
    assert server.log == [*[("Bob", "protocol.error")] * 3, *[("Ada", "protocol.error")] * 2]
    select(ada, bob.id)
    server.forget()
    deselect(ada, bob.id, NOBODY)
    assert errors(ada) == ["invalid_participant_selection"]
    assert bob.heard() == []
    select(ada, NOBODY, bob.id)  # R: complains, and goes on
    assert [payload["message"] for payload in ada.heard()] == ["error", "update"]
    assert bob.heard() == [writes(bob)]
    server.settle()


def test_a_wrong_first_selection_makes_the_pad_all_the_same() -> None:
    server = server_with_pads()
    (ada,) = server.joined("Ada")
    select(ada, NOBODY)
    assert ada.heard() == [{"message": "error", "error": "invalid_participant_selection"}, reads(ada)]


@pytest.mark.parametrize(
    ("level", "answer"),
    [(FeatureLevel.CAPTURE, []), (FeatureLevel.V0_9, []), (FeatureLevel.V0_11, ["storage_exceeded"])],
)
def test_there_is_no_store_for_a_pdf(level: FeatureLevel, answer: list[str]) -> None:
    server = server_with_pads(level)
    (ada,) = server.joined("Ada")
    select(ada)
    ada.heard()
    ada.say("protocol", "generate_pdf")
    assert errors(ada) == answer


def test_each_breakout_room_has_its_own_pad() -> None:
    server = server_with_pads()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    select(ada, bob.id)
    ada.say("breakout", "start", rooms=[{"name": "Red", "assignments": []}])
    red = ada.heard("breakout")[0]["rooms"][0]["id"]
    bob.leave()
    inside = server.guest("Bob", breakout_room=red, resumption=bob.resumption)
    inside.join()
    assert inside.heard("protocol") == []
    cyd.leave()
    ada.leave()
    moderator = server.owner("Ada", breakout_room=red, resumption=ada.resumption)
    moderator.join()
    moderator.heard()
    select(moderator, bob.id)
    assert inside.heard("protocol") == [{"message": "write_url", "url": f"write/{server.room}/{red}/{bob.id}"}]
    server.settle()


def test_without_pads_there_are_no_minutes() -> None:
    server = Stage()
    (ada,) = server.joined("Ada")
    select(ada, ada.id)
    assert ada.heard() == [{"message": "error", "error": "invalid_namespace"}]


@pytest.mark.parametrize(
    ("namespace", "action"),
    [
        ("whiteboard", "initialize"),
        ("legal_vote", "stop"),
        ("automod", "stop"),
        ("shared_folder", "updated"),
        ("protocol", "generate_pdf"),
    ],
)
def test_namespaces_that_are_not_offered(namespace: str, action: str) -> None:
    server = server_with_pads(FeatureLevel.V0_16)
    ada = server.owner()
    success = ada.join()
    assert namespace not in success
    assert namespace not in success["tariff"]["modules"]
    ada.heard()
    ada.say(namespace, action, legal_vote_id=NOBODY)
    assert ada.heard() == [{"message": "error", "error": "invalid_namespace"}]
