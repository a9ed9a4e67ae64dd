"""Limits for texts of clients that others get."""

from __future__ import annotations


def cut(text: str, size: int) -> str:
    """``text``, or as many whole characters of it as fit into ``size`` bytes of UTF-8."""
    data = text.encode()
    return text if len(data) <= size else data[:size].decode(errors="ignore")
