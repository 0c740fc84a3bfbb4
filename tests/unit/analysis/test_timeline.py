from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st

from watchdog.analysis.history.timeline import find_outages, with_build_failures
from watchdog.model.evidence import CaughtWarning, Stage
from watchdog.model.history import ALL_USES, Snapshot, UseStatus, change_points, gaps
from watchdog.model.lock import Lock, changed_packages, swap_versions

LOCK = Lock((("flask", "3.0.0"),))
OK, GAP = "ok", "gap"


def moments(*seen: dict[str, str] | str) -> list[Snapshot]:
    """One moment a day; a use is `ok` or the signature it fails with."""
    found = []
    for number, uses in enumerate(seen):
        if isinstance(uses, str):
            found.append(Snapshot(day(number), "3.11", LOCK, gap=uses))
            continue
        sights = {u: UseStatus(None if s == OK else s, s) for u, s in uses.items()}
        found.append(Snapshot(day(number), "3.11", LOCK, sights))
    return found


def told(*seen: dict[str, str] | str) -> list[tuple[str, int, int | None, str | None]]:
    """Signature, day of beginning, day of end, test."""
    days = {day(n): n for n in range(60)}

    def number(instant: datetime) -> int:
        return days[instant]

    return [
        (
            o.signature,
            number(o.first_bad.since),
            number(o.first_fixed.since) if o.first_fixed else None,
            o.test,
        )
        for o in find_outages(moments(*seen))
    ]


WORKS = {"a": OK, "b": OK}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([WORKS, WORKS], []),
        ([WORKS, {ALL_USES: "x"}, WORKS], [("x", 1, 2, None)]),
        ([WORKS, {ALL_USES: "x"}, {ALL_USES: "x"}], [("x", 1, None, None)]),
        ([WORKS, {"a": "x", "b": OK}, WORKS], [("x", 1, 2, "a")]),
        ([WORKS, {"a": "x", "b": "x"}, WORKS], [("x", 1, 2, "a")]),
        # two that overlap stay two
        (
            [WORKS, {"a": "x", "b": OK}, {"a": "x", "b": "y"}, {"a": OK, "b": "y"}, WORKS],
            [("x", 1, 3, "a"), ("y", 2, 4, "b")],
        ),
        # one that hides another
        (
            [WORKS, {ALL_USES: "x"}, {ALL_USES: "y"}, WORKS],
            [("x", 1, 3, None), ("y", 2, 3, None)],
        ),
        # back to the first error is no third breakage, and ends the second
        (
            [WORKS, {ALL_USES: "x"}, {ALL_USES: "y"}, {ALL_USES: "x"}, WORKS],
            [("x", 1, 4, None), ("y", 2, 3, None)],
        ),
        # one use works again, the other fails again as it did before
        (
            [WORKS, {"a": "x", "b": OK}, {"a": "y", "b": "y"}, {"a": "x", "b": OK}],
            [("x", 1, None, "a"), ("y", 2, 3, "a")],
        ),
        # recovery need not last
        (
            [WORKS, {ALL_USES: "x"}, WORKS, {ALL_USES: "x"}, WORKS],
            [("x", 1, 2, None), ("x", 3, 4, None)],
        ),
        # what never worked did not break
        ([{ALL_USES: "x"}, WORKS], []),
        ([{ALL_USES: "x"}, {ALL_USES: "y"}], []),
        ([{"a": OK, "b": "x"}, {"a": OK, "b": "y"}], []),
        # a gap neither begins nor ends anything
        ([WORKS, GAP, {ALL_USES: "x"}, GAP, {ALL_USES: "x"}, GAP, WORKS], [("x", 2, 6, None)]),
        ([WORKS, GAP, WORKS], []),
        ([GAP, GAP], []),
        # a use that is not tried for a while did not change
        ([WORKS, {"b": OK}, WORKS], []),
    ],
)
def test_find_outages(
    seen: list[dict[str, str] | str], expected: list[tuple[str, int, int | None, str | None]]
) -> None:
    """Each outage has its signature, start, end and test."""
    assert told(*seen) == expected


SEEN = st.one_of(
    st.just(GAP),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([OK, "x", "y"]), min_size=1),
    st.sampled_from(["x", "y"]).map(lambda s: {ALL_USES: s}),
)


@given(st.lists(SEEN, max_size=12))
def test_find_outages_start_and_end(
    seen: list[dict[str, str] | str],
) -> None:
    """An outage starts after a snapshot without it and ends at one that works."""
    for outage in find_outages(moments(*seen)):
        assert outage.last_good.since < outage.first_bad.since <= outage.last_bad.since
        assert outage.signature in outage.first_bad.fails
        if outage.first_fixed:
            assert outage.first_fixed.since > outage.last_bad.since
            assert (
                outage.signature not in outage.first_fixed.fails
                or ALL_USES not in outage.first_fixed.uses
            )


@given(st.lists(SEEN, max_size=8), st.integers(0, 8))
def test_find_outages_ignores_gaps(seen: list[dict[str, str] | str], where: int) -> None:
    """An additional gap does not change the outages."""
    place = min(where, len(seen))
    with_gap = [*seen[:place], GAP, *seen[place:]]
    short = [(s, t) for s, _, _, t in told(*seen)]
    assert [(s, t) for s, _, _, t in told(*with_gap)] == short


def test_gaps_joins_equal_neighbours() -> None:
    """Neighbouring gaps with the same reason are joined."""
    found = gaps(moments("no wheel", "no wheel", WORKS, "flaky", "no wheel"), day(9))
    assert found == [
        (day(0), day(2), "no wheel"),
        (day(3), day(4), "flaky"),
        (day(4), day(9), "no wheel"),
    ]


def test_swap_versions_adds_new_dependencies() -> None:
    """A swap also takes the new dependencies of the swapped release."""
    good = Lock((("flask", "2.2"), ("old", "1"), ("werkzeug", "2")))
    bad = Lock((("blinker", "1"), ("flask", "2.3"), ("werkzeug", "3")))
    assert changed_packages(good, bad) == ["flask", "werkzeug"]
    assert swap_versions(good, bad, ["flask"]) == Lock(
        (("blinker", "1"), ("flask", "2.3"), ("old", "1"), ("werkzeug", "2"))
    )
    assert swap_versions(bad, good, ["flask"]) == Lock(
        (("blinker", "1"), ("flask", "2.2"), ("old", "1"), ("werkzeug", "3"))
    )


def test_find_outages_removed_use() -> None:
    """An outage ends when its test is skipped because a later version lacks what it uses."""
    seen = moments(WORKS, {"a": "x", "b": OK}, {"a": "x", "b": OK}, {"b": OK})
    seen[3] = replace(seen[3], skipped=frozenset({"a"}))
    (outage,) = find_outages(seen)
    assert (outage.first_bad.since, outage.first_fixed and outage.first_fixed.since) == (
        day(1),
        day(3),
    )


def test_with_build_failures_as_outage() -> None:
    """A build failure on a new Python is an outage until the subject builds again."""
    seen = moments(WORKS, GAP, GAP, WORKS)
    seen[1:3] = [replace(m, python="3.12", unbuilt="error: no such member") for m in seen[1:3]]
    seen[3] = replace(seen[3], python="3.12")
    (outage,) = find_outages(with_build_failures(seen, 1))
    assert (outage.first_bad.since, outage.first_fixed and outage.first_fixed.since) == (
        day(1),
        day(3),
    )
    assert (outage.stage, outage.symptom) == (Stage.INSTALL, "error: no such member")
    assert find_outages(seen) == []


USES = st.one_of(
    st.just(GAP),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([OK, "x", "y"]), min_size=1),
    st.fixed_dictionaries({ALL_USES: st.sampled_from("xy")}),
)


@given(st.lists(USES, min_size=1, max_size=12))
def test_change_points_keep_outages(
    seen: list[dict[str, str] | str],
) -> None:
    """The kept snapshots give the same outages and gaps as all snapshots."""
    every = moments(*seen)
    kept = change_points(every)

    def told(some: list[Snapshot]) -> list[object]:
        return [
            (o.signature, o.first_bad.since, o.first_fixed and o.first_fixed.since, o.uses)
            for o in find_outages(some)
        ]

    assert told(kept) == told(every)
    assert gaps(kept, day(60)) == gaps(every, day(60))


def test_change_points_keep_first_warning() -> None:
    """Only the first occurrence of a deprecation warning is kept."""
    warning = CaughtWarning("DeprecationWarning", "old goes away", "x.py", 3, stack=("a", "b"))
    noise = CaughtWarning("ResourceWarning", "unclosed", "x.py", 3)
    every = [replace(m, warnings=(warning, noise)) for m in moments(WORKS, WORKS, WORKS, WORKS)]
    kept = change_points(every)
    assert [(m.since, len(m.warnings)) for m in kept] == [(day(0), 1), (day(3), 0)]
    assert kept[0].warnings[0].stack == ()
