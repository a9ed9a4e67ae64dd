"""Keeps ICE passwords out of what aiortc logs: at DEBUG it prints every session description.

The rest of a description stays readable. Owns one logging filter; must not know who logs, or why.
"""

from __future__ import annotations

import logging
import re
from typing import Final

_ICE_PASSWORD: Final = re.compile(r"(a=ice-pwd:)[^\s\\]+")


class _MaskIcePasswords(logging.Filter):
    """Lets every record pass, without the passwords."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask in the text and in its arguments, which formatters may print on their own."""
        record.msg = _masked(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(_masked, record.args))
        return True


def _masked(value: object) -> object:
    return _ICE_PASSWORD.sub(r"\1***", value) if isinstance(value, str) else value


_FILTER: Final = _MaskIcePasswords()


def mask_ice_passwords() -> None:
    """Do so from now on; may be called again."""
    logging.getLogger("aiortc.rtcpeerconnection").addFilter(_FILTER)
