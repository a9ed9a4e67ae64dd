"""What came of the demo: tables and a verdict for people, one object for programs."""

from __future__ import annotations

from m3asyncio.cli.demo_script import GUEST, OWNER, Outcome
from m3asyncio.cli.demo_stage import Stage
from m3asyncio.cli.output import Output
from m3asyncio.cli.receiver import COLUMNS


def print_report(output: Output, stage: Stage, outcome: Outcome) -> None:
    """Print what was received, which messages it took, and which checks failed."""
    output.line("")
    output.table("Streams", ("stream", *COLUMNS), ((one.name, *one.received.cells()) for one in outcome.streams))
    messages = ", ".join(f"{count} {name}" for name, count in outcome.messages.most_common())
    output.line((f"{outcome.messages.total()} messages on the WebSockets: {messages}", "dim"))
    failed = [check for check in stage.checks if not check.ok]
    if failed:
        for check in failed:
            output.line(("FAILED ", "bold red"), check.name, f": {check.detail}" if check.detail else "")
        output.line((f"{len(failed)} of {len(stage.checks)} checks failed", "bold red"))
    else:
        output.line((f"all {len(stage.checks)} checks passed", "bold green"))


def as_json(stage: Stage, outcome: Outcome) -> dict[str, object]:
    """The object of ``--json``: whether all checks held, and what each participant received."""
    return {
        "ok": stage.ok,
        "participants": [
            {
                "name": name,
                "streams_received": [
                    {
                        "from": one.sender,
                        "media_session_type": one.kind.value,
                        "video_frames": one.received.video_frames,
                        "audio_frames": one.received.audio_frames,
                        "first_frame_s": one.received.first_frame_s and round(one.received.first_frame_s, 3),
                    }
                    for one in outcome.streams
                    if one.receiver == name
                ],
            }
            for name in (OWNER, GUEST)
        ],
    }
