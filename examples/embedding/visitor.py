"""The visitor of these examples: says hello, prints participants and what they write, answers questions, and leaves.

It knows no loop. A loop gives ``conference.start`` as the first input, and drains ``wire.outputs()`` after every input.
It performs outputs for sockets itself, and gives all others to `tell`. When `timeout` has passed, it gives `advance`.
"""

import math
import os
import random
from collections.abc import Callable

from m3core.conference import Conference, EndReason, GuestEntrance
from m3core.conference.events import ConferenceJoined, Ended, ParticipantJoined, ParticipantLeft
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.wire import Wire
from m3core.errors import CallRefused
from m3core.io import CallDone, Notify
from m3core.rest.link import InviteLink, controller_candidates

Input = Callable[[float], object]


class Visitor:
    """Joins the conference of ``link``, and leaves ``seconds`` after it said hello."""

    def __init__(self, name: str, link: str, seconds: str = "inf") -> None:
        invitation = InviteLink.parse(link)
        base_url = controller_candidates(invitation)[-1].base_url
        entrance = GuestEntrance(base_url=base_url, invite_code=invitation.invite_code)
        self.conference = Conference(entrance, display_name=name, jitter=random.random)
        self.wire = Wire(self.conference, entropy=os.urandom)
        self.seconds, self.leave_at = float(seconds), math.inf
        self.to_say: list[str] = []
        self.exit_code = 1

    def timeout(self, now: float) -> float:
        """Seconds until `advance` is due."""
        deadline = -math.inf if self.to_say else self.leave_at
        if self.wire.deadline is not None:
            deadline = min(deadline, self.wire.deadline)
        return min(max(deadline - now, 0.0), 3600.0)

    def advance(self, now: float) -> None:
        """Give one input: a line that waits to be said, or the leave, or the passing of time."""
        if self.to_say:
            line = self.to_say.pop(0)
            self.leave_at = min(self.leave_at, now + self.seconds)
            if self.conference.is_inside:
                self.conference.commands(now).chat(line)
        elif self.leave_at <= now:
            self.leave_at = math.inf
            self.conference.leave(now)
        else:
            self.wire.advance(now)

    def tell(self, output: object) -> None:
        """Handle an output that is not for sockets. Texts of others are printed as literals: they may hold anything."""
        match output:
            case Notify(ConferenceJoined()):
                self.to_say.append("hello")
            case Notify(ParticipantJoined(participant=other)):
                print(f"here: {other.display_name!r}", flush=True)
            case Notify(ParticipantLeft(participant=other)):
                print(f"gone: {other.display_name!r}", flush=True)
            case Notify(ChatMessage(is_own=False, content=line, participant=other)):
                print(f"{other.display_name if other else 'somebody'!r}: {line!r}", flush=True)
                if line.endswith("?"):
                    here = [one for one in self.conference.state.participants.values() if one.is_here]
                    self.to_say.append(f"there are {len(here) + 1} of us")
            case Notify(Ended(reason=reason, detail=detail)):
                print(f"over: {reason.value} {detail}", flush=True)
                self.exit_code = 0 if reason in {EndReason.LEFT, EndReason.KICKED} else 1
            case CallDone(error=CallRefused() as error):
                print(f"{error}", flush=True)
