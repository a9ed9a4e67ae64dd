"""Conferences in this process that are sabotaged, and that must leave the process as they found it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from cli_helpers import new_threads

from m3asyncio import sources
from m3asyncio.source_base import Source

MakePattern = Callable[..., Source]


def replace_patterns(monkeypatch: pytest.MonkeyPatch, make: Callable[[MakePattern, str], Source | None]) -> None:
    """``make`` may return another source where a pattern with a name is wanted; else None."""
    pattern: MakePattern = sources.pattern

    def made(name: str, *arguments: object, **options: object) -> Source:
        other = make(pattern, name)
        return pattern(name, *arguments, **options) if other is None else other

    monkeypatch.setattr(sources, "pattern", made)


@contextmanager
def left_as_it_was() -> Iterator[None]:
    """Check that the block leaves no threads, connections or child processes behind."""
    threads, connections = set(threading.enumerate()), set(psutil.Process().net_connections())
    children = psutil.Process().children()
    yield
    assert new_threads(threads) == set()
    assert set(psutil.Process().net_connections()) <= connections
    assert psutil.Process().children() == children
