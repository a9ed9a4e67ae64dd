"""Namespaces `whiteboard` and `shared_folder` in the client engine (signaling.md § 12, 16)."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import Room

from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.shared_folder import SharedFolderChanged
from m3core.conference.modules.whiteboard import WhiteboardOpened, WhiteboardState
from m3core.messages.whiteboard import WhiteboardStatus
from m3core.values import AssetId

URL = "https://board.example.org/s/canary"
ASSET = "b1e8e1df-5206-4d94-a8b5-54bd5a062663"


def test_a_board_is_made() -> None:
    room = Room(whiteboard={"status": "not_initialized"})
    assert room.state().whiteboard == WhiteboardState()
    call = room.do(lambda commands: commands.whiteboard.initialize())
    assert room.sent[-1] == {"namespace": "whiteboard", "action": "initialize"}
    room.hear("whiteboard", "space_url", url=URL)
    assert room.result(call) == room.state().whiteboard
    assert room.state().whiteboard == WhiteboardState(status=WhiteboardStatus.INITIALIZED, url=URL)
    assert room.last(WhiteboardOpened).url == URL
    assert "canary" not in repr(room.state()) + repr(room.client.events) + repr(room.result(call))


def test_errors_tell_of_the_board() -> None:
    room = Room()
    for slug, status in (
        ("insufficient_permissions", WhiteboardStatus.NOT_INITIALIZED),
        ("currently_initializing", WhiteboardStatus.INITIALIZING),
        ("initialization_failed", WhiteboardStatus.NOT_INITIALIZED),
    ):
        room.refused(room.do(lambda commands: commands.whiteboard.initialize()), "whiteboard", slug)
        assert room.state().whiteboard.status is status
    room.hear("whiteboard", "space_url", url=URL)
    for slug in ("already_initialized", "currently_initializing"):
        room.refused(room.do(lambda commands: commands.whiteboard.initialize()), "whiteboard", slug)
        assert room.state().whiteboard.status is WhiteboardStatus.INITIALIZED


def test_a_pdf_is_among_the_assets() -> None:
    room = Room()
    call = room.do(lambda commands: commands.whiteboard.generate_pdf())
    room.hear("whiteboard", "pdf_asset", filename="board.pdf", asset_id=ASSET)
    ready = AssetReady(namespace="whiteboard", asset_id=AssetId(ASSET), filename="board.pdf")
    assert room.result(call) == room.last(AssetReady) == ready
    for slug in ("insufficient_permissions", "storage_exceeded"):
        room.refused(room.do(lambda commands: commands.whiteboard.generate_pdf()), "whiteboard", slug)


def test_who_joins_later_finds_the_board() -> None:
    board = {"status": "initialized", "url": URL}
    room = Room(whiteboard=board)
    assert room.last(WhiteboardOpened).url == URL
    assert room.resume(whiteboard=board) == []
    assert room.resume(whiteboard={"status": "initializing"}) == []
    assert room.state().whiteboard.status is WhiteboardStatus.INITIALIZING
    assert room.resume(whiteboard=board) == [WhiteboardOpened(url=URL)]
    room.hear("moderation", "in_waiting_room")
    assert room.state().whiteboard == WhiteboardState()


# shared_folder ---
def access(password: str) -> dict[str, str]:
    return {"url": "https://cloud.example.org/s/x", "password": password}


def test_a_folder_changes_with_our_role() -> None:
    room = Room()
    assert room.state().shared_folder is None
    room.hear("shared_folder", "updated", read=access("canary-1"))
    folder = room.last(SharedFolderChanged).folder
    assert folder == room.state().shared_folder
    assert (folder.read.password.reveal(), folder.read_write) == ("canary-1", None)
    room.hear("shared_folder", "updated", read=access("canary-1"), read_write=access("canary-2"))
    writable = room.last(SharedFolderChanged).folder.read_write
    assert writable is not None
    assert writable.password.reveal() == "canary-2"
    assert "canary" not in repr(room.state()) + repr(room.client.events)


@pytest.mark.parametrize("more", [{}, {"read_write": access("canary-2")}])
def test_who_joins_later_finds_the_folder(more: dict[str, Any]) -> None:
    data = {"read": access("canary-1"), **more}
    room = Room(shared_folder=data)
    folder = room.state().shared_folder
    assert folder is not None
    assert room.last(SharedFolderChanged).folder == folder
    assert room.resume(shared_folder=data) == []
    assert len(room.resume(shared_folder={"read": access("other")})) == 1
    room.hear("moderation", "in_waiting_room")
    assert room.state().shared_folder is None
