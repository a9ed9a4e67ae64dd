"""Keeps ICE passwords out of the log of aiortc, which writes every session description at DEBUG.

The rest of a description remains readable.
"""

from __future__ import annotations

import logging
import re
from typing import Final

_ICE_PASSWORD: Final = re.compile(r"(a=ice-pwd:)[^\s\\]+")


class _MaskIcePasswords(logging.Filter):
    """Lets every record pass, without the passwords."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the text, and its arguments, which some formatters print separately."""
        record.msg = _masked(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(_masked, record.args))
        return True


def _masked(value: object) -> object:
    return _ICE_PASSWORD.sub(r"\1***", value) if isinstance(value, str) else value


_FILTER: Final = _MaskIcePasswords()


def mask_ice_passwords() -> None:
    """Mask ICE passwords from now on. May be called again."""
    logging.getLogger("aiortc.rtcpeerconnection").addFilter(_FILTER)
