"""Every input of the corpora, without a fuzzer: faults that were found once do not come back."""

from __future__ import annotations

import random

import pytest
from fuzz_targets import CORPUS, MAX_LENGTH, TARGETS, entries

MAX_CORPUS = 300 << 10
"""Bytes of all corpora together."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_breaks_its_target(name: str) -> None:
    found = entries(name)
    assert len(found) >= 5
    for entry in found:
        data = entry.read_bytes()
        assert len(data) <= MAX_LENGTH.get(name, 8_192), entry.name
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_change_of_one_byte_breaks_it(name: str) -> None:
    """What a fuzzer does first, for a few inputs: so this module works without one."""
    change = random.Random(name)
    for data in [entry.read_bytes() for entry in entries(name)][:20]:
        at = change.randrange(len(data) + 1)
        TARGETS[name](data[:at] + bytes([change.randrange(256)]) + data[at + change.randrange(2) :])


def test_the_corpora_are_small() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert sum(entry.stat().st_size for entry in CORPUS.rglob("*") if entry.is_file()) <= MAX_CORPUS
