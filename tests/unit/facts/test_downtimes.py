"""When uses were out of order, as it is read off a history."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from ecosystem import day
from hypothesis import given
from replayed import USES, histories, replayed, snapshot
from samples import BREAKAGE
from samples import history as history_of

from watchdog.facts.downtimes import Downtime, find_downtimes, versions_seen
from watchdog.model.history import Culprit, Fix, History
from watchdog.model.lock import Lock


def told(history: History) -> list[tuple[set[str], float, float | None, list[str]]]:
    """Return of each downtime the uses, its first and last day, and the causes in turn."""
    start = day(0)

    def number(downtime: Downtime) -> tuple[set[str], float, float | None, list[str]]:
        until = (downtime.until - start).days if downtime.until else None
        since = (downtime.since - start).days
        causes = [cause.culprit.version for cause in downtime.causes if cause.culprit]
        return set(downtime.uses), since, until, causes

    return [number(downtime) for downtime in find_downtimes(history)]


PASSING = snapshot(0, parser=None, routes=None)


def test_successive_causes_are_one_downtime() -> None:
    """Flask-RESTful's parser: one stretch since the first release, though another one followed."""
    history = replayed(
        PASSING,
        snapshot(10, parser="BadRequest", routes=None),
        snapshot(20, parser="AttributeError", routes=None),
    )
    assert told(history) == [({"parser"}, 10, None, ["10", "20"])]
    (downtime,) = find_downtimes(history)
    assert downtime.works is PASSING
    assert downtime.first.signature == "BadRequest"
    assert [cause.since for cause in downtime.causes] == [day(10), day(20)]
    assert downtime.length == day(90) - day(10)
    first, second = downtime.causes
    assert downtime.causes_until({"AttributeError"}) == (first, second)
    assert downtime.causes_until({"BadRequest"}) == (first,)
    assert downtime.causes_until({"another"}) == (first, second)


def test_import_failure_over_failing_use_is_one_downtime() -> None:
    """What hides a failing use, since nothing can be imported, neither ends nor begins it."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes=None),
        snapshot(20, all="ImportError"),
        snapshot(30, parser="x", routes=None),
        snapshot(40, parser=None, routes=None),
    )
    assert told(history) == [
        ({"parser"}, 10, 40, ["10", "20"]),
        ({"routes"}, 20, 30, ["20"]),
    ]
    parser, routes = find_downtimes(history)
    assert (parser.loads, routes.loads) == (False, False)
    assert parser.works is routes.works is PASSING
    assert routes.last_good.since == day(10)


def test_equal_stretches_are_one_downtime() -> None:
    """Uses that fail from the same release to the same release are told together."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes="y"),
        snapshot(20, parser=None, routes=None),
        snapshot(30, parser="x", routes="x"),
        snapshot(40, parser=None, routes="x"),
        snapshot(50, parser=None, routes=None),
    )
    assert told(history) == [
        ({"parser", "routes"}, 10, 20, ["10", "10"]),
        ({"parser"}, 30, 40, ["30"]),
        ({"routes"}, 30, 50, ["30"]),
    ]


def test_version_without_the_use_ends_it() -> None:
    """A version of the subject that has a use no more ends its downtime, and works."""
    gone = snapshot(20, skipped=["parser"], routes=None)
    history = replayed(PASSING, snapshot(10, parser="x", routes=None), gone)
    assert told(history) == [({"parser"}, 10, 20, ["10"])]
    (downtime,) = find_downtimes(history)
    assert downtime.ended_by is gone


def test_gaps_begin_and_end_nothing() -> None:
    """What could not be judged neither begins nor ends a downtime."""
    history = replayed(
        snapshot(0, gap="no versions of ext"),
        snapshot(1, parser=None),
        snapshot(5, gap="it cannot be installed"),
        snapshot(10, parser="x"),
        snapshot(15, gap="it cannot be installed"),
        snapshot(20, parser="x"),
        snapshot(25, gap="it cannot be installed"),
        snapshot(30, parser=None),
        snapshot(35, gap="it cannot be installed"),
        snapshot(40, parser=None),
    )
    assert told(history) == [({"parser"}, 10, 30, ["10"])]


def test_failing_from_the_beginning_is_no_downtime() -> None:
    """A use that never passed before is not out of order."""
    history = replayed(snapshot(0, parser="x", routes=None), snapshot(10, parser="y", routes=None))
    assert told(history) == []


def test_works_is_a_snapshot_in_which_every_use_passes() -> None:
    """The set to show as working is not that of just before, if another use failed in it."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes=None),
        snapshot(20, parser="x", routes="y"),
        snapshot(30, parser="x", routes=None),
    )
    parser, routes = find_downtimes(history)
    assert parser.works is routes.works is PASSING
    assert routes.last_good.since == day(10)
    assert routes.last_good.fails == {"x"}


def test_nothing_to_show_where_it_never_worked_as_a_whole() -> None:
    """Without a snapshot in which every use passes no set is shown as working."""
    history = replayed(snapshot(0, parser="x", routes=None), snapshot(10, parser="x", routes="y"))
    (downtime,) = find_downtimes(history)
    assert downtime.works is None


def test_lock_that_comes_back() -> None:
    """Two breakages with one lock and one failure are two downtimes, each with its own cause."""
    bad = Lock((("ext", "1.0"), ("werkzeug", "3.0.0")))
    history = replayed(
        PASSING,
        snapshot(10, lock=bad, parser="x", routes=None),
        snapshot(20, parser=None, routes=None),
        snapshot(30, lock=bad, parser="x", routes=None),
    )
    assert told(history) == [
        ({"parser"}, 10, 20, ["3.0.0"]),
        ({"parser"}, 30, None, ["3.0.0"]),
    ]
    first, second = find_downtimes(history)
    assert (first.first.broken_from, second.first.broken_from) == (day(10), day(30))
    assert first.causes[0].last_seen.since == day(10)


def test_failure_that_spreads_is_no_second_cause() -> None:
    """A release that makes another use fail alike did not cause what failed so before."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes=None),
        snapshot(20, parser="x", routes="x"),
    )
    assert told(history) == [
        ({"parser"}, 10, None, ["10"]),
        ({"routes"}, 20, None, ["20"]),
    ]


def test_import_failure_that_began_earlier_is_told_with_it() -> None:
    """Where nothing can be imported all uses fail, each with the causes that it had itself."""
    history = replayed(
        PASSING,
        snapshot(10, all="ImportError: a"),
        snapshot(20, all="ImportError: b"),
        snapshot(30, parser=None, routes=None),
    )
    assert told(history) == [({"parser", "routes"}, 10, 30, ["10", "20"])]


def test_subject_that_never_loads_again() -> None:
    """A history whose uses have no names is told as one use."""
    history = replayed(snapshot(0, all=None), snapshot(10, all="ImportError"))
    assert told(history) == [({""}, 10, None, ["10"])]


def test_new_python_began_with_its_release() -> None:
    """What a new Python broke began with its release, not with the first set that could be run."""
    history = replayed(PASSING, snapshot(10, parser="x", routes=None, python="3.12"))
    (breakage,) = history.breakages
    python = Culprit("python", "3.12", "3.11")
    told_so = replace(breakage, culprit=python, broken_from=day(8))
    (downtime,) = find_downtimes(replace(history, breakages=(told_so,)))
    assert (downtime.since, downtime.first_bad.since) == (day(8), day(10))


def test_fix_is_of_the_cause_that_ended_it() -> None:
    """The release that ended a downtime is that of a cause that ended with it."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes=None),
        snapshot(20, parser="y", routes=None),
        snapshot(30, parser=None, routes=None),
    )
    fix = Fix("ext", "1.1", "release")
    first, second = history.breakages
    ended = replace(history, breakages=(first, replace(second, fixed_by=fix)))
    (downtime,) = find_downtimes(ended)
    assert downtime.fix == fix
    earlier = replace(first, fixed_by=fix, fixed_on=day(20))
    (downtime,) = find_downtimes(replace(history, breakages=(earlier, second)))
    assert downtime.fix is None


@pytest.mark.parametrize(("version", "is_fix"), [("2.2.5", False), ("2.3.1", True)])
def test_older_culprit_is_no_fix(version: str, is_fix: bool) -> None:
    """Where an install gets an older version of the culprit again, that version fixed nothing."""
    history = replayed(PASSING, snapshot(10, parser="x"), snapshot(30, parser=None))
    fix = Fix("flask", version, "upstream")
    (breakage,) = history.breakages
    told = replace(breakage, culprit=Culprit("flask", "2.3.0", "2.2.4"), fixed_by=fix)
    (downtime,) = find_downtimes(replace(history, breakages=(told,)))
    assert downtime.until == day(30)
    assert downtime.fix == (fix if is_fix else None)


def test_stretch_without_breakage_is_left_out() -> None:
    """Of a stretch that the replay names no breakage for nothing is told."""
    history = replayed(PASSING, snapshot(10, parser="x", routes=None))
    assert find_downtimes(replace(history, breakages=())) == ()


def test_breakage_whose_snapshot_was_not_kept() -> None:
    """A breakage of an archive without that snapshot is told with its date."""
    history = replayed(PASSING, snapshot(10, parser="x", routes=None))
    (breakage,) = history.breakages
    other = replace(breakage, breaks=Lock((("ext", "0.9"),)), broken_from=day(12))
    (downtime,) = find_downtimes(replace(history, breakages=(other,)))
    assert (downtime.since, downtime.causes[0].since) == (day(10), day(12))


def test_versions_seen() -> None:
    """The first and the last lock in which a cause was seen are those that hold a package."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes=None),
        snapshot(20, parser="x", routes="y"),
        snapshot(30, parser="z", routes="y"),
        snapshot(40, parser=None, routes=None),
    )
    cause = find_downtimes(history)[0].causes[0]
    first, last = versions_seen(history.moments, cause, "werkzeug")
    assert first is not None
    assert last is not None
    assert (first.version("werkzeug"), last.version("werkzeug")) == ("10", "20")
    assert versions_seen(history.moments, cause, "jinja2") == (None, None)


# --- whatever a history looks like ---------------------------------------------------------------


@given(histories())
def test_downtimes_of_a_use_never_overlap(history: History) -> None:
    """Stretches of one use follow one another, and something passed in between."""
    for use in USES:
        own = [d for d in find_downtimes(history) if use in d.uses]
        for earlier, later in itertools.pairwise(own):
            assert earlier.until is not None
            assert earlier.until <= later.last_good.since < later.since


@given(histories())
def test_each_failing_snapshot_is_in_one_downtime(history: History) -> None:
    """What fails after it had passed lies in exactly one downtime of its use."""
    downtimes = find_downtimes(history)
    for use in USES:
        passed = False
        for moment in history.moments:
            status = moment.of(use)
            around = [
                d
                for d in downtimes
                if use in d.uses and d.since <= moment.since < (d.until or day(10**4))
            ]
            if status is None:
                continue
            passed = passed or status.signature is None
            assert len(around) == (1 if passed and status.signature else 0)


@given(histories())
def test_snapshots_of_a_downtime_show_what_it_says(history: History) -> None:
    """What stands as working passes, and what stands as failing fails."""
    for downtime in find_downtimes(history):
        for use in downtime.uses:
            last_good = downtime.last_good.of(use)
            assert last_good is None or last_good.signature is None
            for bad in (downtime.first_bad, downtime.last_bad):
                status = bad.of(use)
                assert status is not None
                assert status.signature
            if downtime.ended_by:
                end = downtime.ended_by.of(use)
                assert end is not None
                assert end.signature is None
        if downtime.works:
            assert downtime.works.works
            assert downtime.works.lock
            assert downtime.works.since < downtime.since


@given(histories())
def test_causes_of_a_downtime_were_seen_in_it(history: History) -> None:
    """Causes come in turn, lie within the downtime, and fail in one of its uses."""
    for downtime in find_downtimes(history):
        sinces = [cause.since for cause in downtime.causes]
        assert sinces == sorted(sinces)
        assert sinces[0] == downtime.first_bad.since
        for cause in downtime.causes:
            assert cause.uses & downtime.uses
            assert cause.breakage.signature in cause.last_seen.fails
            assert cause.since <= cause.last_seen.since <= downtime.last_bad.since


@pytest.mark.parametrize("open_", [True, False])
def test_sample_breakage_is_one_downtime(open_: bool) -> None:
    """The sample history of other tests has the breakage that it was made from."""
    breakage = BREAKAGE if open_ else replace(BREAKAGE, fixed_on=day(5))
    (downtime,) = find_downtimes(history_of("ext", breakage))
    assert (downtime.first, downtime.until) == (breakage, breakage.fixed_on)
