"""What a controller keeps instead of making it anew must be what it would make now."""

from __future__ import annotations

from m3core.controller.engine import Controller
from m3core.messages import encode_value


def all_is_current(controller: Controller) -> None:
    """Check the encoded entries of participants, and the count of people in each meeting."""
    entries = controller.entries
    for meeting in controller.rooms.live.values():
        assert meeting.visible == sum(one.is_visible for one in meeting.everyone())
        for one in meeting.joined():
            assert entries.encoded_others(one) == [encode_value(entry) for entry in entries.others(one)]
