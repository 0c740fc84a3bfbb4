from __future__ import annotations

from itertools import pairwise

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st

from watchdog.analysis.history.sampling import evenly_spaced, midpoints
from watchdog.model.evidence import CaughtWarning
from watchdog.model.history import Snapshot, UseStatus


def moment(number: int, signature: str | None) -> Snapshot:
    return Snapshot(day(number), "3.11", None, {"a": UseStatus(signature)})


def run(outcomes: list[str | None], most: int | None) -> dict[int, Snapshot]:
    """What is run of a past with these outcomes."""
    seen: dict[int, Snapshot] = {}
    wanted = evenly_spaced(len(outcomes), most)
    while wanted:
        assert not seen.keys() & set(wanted)
        seen |= {n: moment(n, outcomes[n]) for n in wanted}
        wanted = midpoints(seen)
    return seen


PASTS = st.lists(st.sampled_from([None, "one", "other"]), max_size=60)


@given(PASTS)
def test_sampling_runs_few_sets_completely(outcomes: list[str | None]) -> None:
    """When there are few sets, all of them are run."""
    assert list(run(outcomes, None)) == list(range(len(outcomes)))
    assert list(run(outcomes, 60)) == list(range(len(outcomes)))


@given(PASTS, st.integers(2, 20))
def test_sampling_finds_change_exactly(outcomes: list[str | None], most: int) -> None:
    """Every change between two run sets is narrowed down to neighbouring sets."""
    seen = run(outcomes, most)
    for one, other in pairwise(sorted(seen)):
        assert other == one + 1 or outcomes[one] == outcomes[other]
    if outcomes:
        assert {0, len(outcomes) - 1} <= seen.keys()


@given(st.integers(1, 300), st.data())
def test_sampling_cost_of_lasting_breakage(count: int, data: st.DataObject) -> None:
    """A lasting breakage is found exactly with only a few additional runs."""
    begin = data.draw(st.integers(1, count))
    seen = run([None] * begin + ["broken"] * (count - begin), 10)
    assert len(seen) <= 10 + 2 * count.bit_length()
    if begin < count:
        assert {begin - 1, begin} <= seen.keys()


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (
            "an announcement",
            {"warnings": (CaughtWarning("DeprecationWarning", "soon", "a.py", 1),)},
        ),
        ("a use that is gone", {"skipped": frozenset({"b"})}),
        ("a gap", {"gap": "it does not build", "uses": {}}),
        ("another Python", {"python": "3.12"}),
    ],
)
def test_between_looks_for_each_difference(what: str, other: dict[str, object]) -> None:
    """The middle set is wanted when two sets differ in anything that a history reports."""
    plain = {"since": day(0), "python": "3.11", "lock": None, "uses": {"a": UseStatus()}}
    first, last = Snapshot(**plain), Snapshot(**(plain | other))  # type: ignore[arg-type]
    assert midpoints({0: first, 8: last}) == [4], what
    assert midpoints({0: first, 8: first}) == []
