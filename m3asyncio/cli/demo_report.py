"""What came of the demo: a table for people, one object for programs."""

from __future__ import annotations

from m3asyncio.cli.demo_conversation import GUEST, OWNER, Played
from m3asyncio.cli.demo_probe import StreamProbe
from m3asyncio.cli.demo_stage import Stage
from m3asyncio.cli.output import Output
from m3core.media import PeerStats

COLUMNS = ("stream", "video sent", "received", "audio sent", "received", "bytes sent", "received", "first frame")


def print_report(output: Output, stage: Stage, played: Played) -> None:
    """The table, and the verdict."""
    rows = [_row(probe, played.sent.get((probe.sender, probe.kind), PeerStats())) for probe in played.probes]
    output.line("")
    output.table("Streams", COLUMNS, rows)
    output.line(("Bytes sent are counted once a second: those of the last one may be missing.", "dim"))
    failed = [check for check in stage.checks if not check.ok]
    if failed:
        for check in failed:
            output.line(("FAILED ", "bold red"), check.name, f": {check.detail}" if check.detail else "")
        output.line((f"{len(failed)} of {len(stage.checks)} checks failed", "bold red"))
    else:
        output.line(
            (f"all {len(stage.checks)} checks passed", "bold green"), f", {len(stage.log.notes)} messages on the wire"
        )


def _row(probe: StreamProbe, sent: PeerStats) -> tuple[str, ...]:
    first = "-" if probe.first_frame_s is None else f"{probe.first_frame_s:.2f} s"
    return (
        probe.name,
        _frames(sent.video.frames_sent),
        _frames(probe.video_frames),
        _frames(sent.audio.frames_sent),
        _frames(probe.audio_frames),
        _bytes(sent.video.bytes_sent + sent.audio.bytes_sent),
        _bytes(probe.video_bytes + probe.audio_bytes),
        first,
    )


def _frames(count: int) -> str:
    return str(count) if count else "-"


def _bytes(count: int) -> str:
    return f"{count / 1000:.1f} kB" if count else "-"


def as_json(stage: Stage, played: Played) -> dict[str, object]:
    """The one object of ``--json``."""
    return {
        "ok": stage.ok,
        "participants": [
            {
                "name": name,
                "streams_received": [
                    {
                        "from": probe.sender,
                        "media_session_type": probe.kind,
                        "video_frames": probe.video_frames,
                        "audio_frames": probe.audio_frames,
                        "first_frame_s": None if probe.first_frame_s is None else round(probe.first_frame_s, 3),
                    }
                    for probe in played.probes
                    if probe.receiver == name
                ],
            }
            for name in (OWNER, GUEST)
        ],
    }
