"""Damaged real inputs keep the property of their target in `tests/support/fuzz`."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from fuzz import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def damaged(seeds: tuple[bytes, ...], words: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Return a strategy of seeds in which some parts are replaced by words, bytes or nothing."""
    piece = st.sampled_from(words) | st.binary(max_size=8) | st.sampled_from(seeds)
    edit = st.tuples(st.floats(0, 1), st.integers(0, 40), piece)
    return st.builds(_edited, st.sampled_from(seeds), st.lists(edit, max_size=4))


def _edited(seed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, length, piece in edits:
        at = int(where * len(seed))
        seed = seed[:at] + piece + seed[at + length :]
    return seed


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz_target_property(name: str) -> None:
    """Each fuzz target keeps its property for its seeds, damaged seeds and random bytes."""
    target: Any = importlib.import_module(f"fuzz.{name}")

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(target.SEEDS, target.WORDS) | st.binary(max_size=200))
    def holds(data: bytes) -> None:
        target.check(data)

    for seed in (*target.SEEDS, b""):
        target.check(seed)
    holds()
