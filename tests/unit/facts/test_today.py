"""Fresh installs of today: which Python speaks for a subject, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from replayed import record_of
from samples import MATRIX

from watchdog.facts.severity import Severity
from watchdog.facts.today import Standing, SubjectStatus, statuses_of_today
from watchdog.model.cell import parse_cell_id
from watchdog.model.evidence import Record, Stage
from watchdog.model.verdict import State, Verdict

WORKS = record_of(a=None, b=None)
FAILS = record_of(a=None, b="x")
NOT_IMPORTED = record_of(all="ImportError")


def verdict(cell_id: str, state: State, record: Record | None = None, **more: object) -> Verdict:
    return replace(Verdict(parse_cell_id(cell_id), state, record=record), **more)  # type: ignore[arg-type]


def statuses(*verdicts: Verdict) -> Mapping[str, SubjectStatus]:
    newest = {"ext": ("1.0", day(1))}
    found = statuses_of_today(MATRIX, verdicts, day(9), newest)
    return {status.subject: status for status in found}


def today(**pythons: Verdict) -> SubjectStatus:
    return statuses(*pythons.values())["ext"]


def on(python: str, state: State, record: Record | None = None, **more: object) -> Verdict:
    return verdict(f"ext/today/py{python}", state, record, **more)


@pytest.mark.parametrize("missing", ["3.8", "3.12", "3.14"])
@pytest.mark.parametrize(
    ("own", "standing", "word"),
    [
        (("works", "works"), Standing.WORKS, "works"),
        (("fails", "works"), Standing.WORKS, "works, except on Python 3.10"),
        (("works", "fails"), Standing.FAILS, "fails in 1 of 2 tested uses"),
        (("works", "import"), Standing.NOT_IMPORTED, "cannot be imported"),
    ],
)
def test_missing_python_hides_nothing(
    missing: str, own: tuple[str, str], standing: Standing, word: str
) -> None:
    """A Python that is not on the machine, old or new, changes neither word nor number."""
    cells = {"works": (State.WORKS, WORKS), "fails": (State.BROKEN, FAILS)}
    cells["import"] = (State.BROKEN, NOT_IMPORTED)
    verdicts = [on(p, *cells[kind]) for p, kind in zip(("3.10", "3.13"), own, strict=True)]
    whole = statuses(*verdicts)["ext"]
    part = statuses(*verdicts, on(missing, State.UNJUDGED, reason="no Python"))["ext"]
    assert (whole.standing, whole.word) == (part.standing, part.word) == (standing, word)
    assert part.not_judged == (missing,)
    assert (whole.working, whole.failing) == (part.working, part.failing)


def test_pythons_in_order() -> None:
    """3.9 is older than 3.10: the newest Python speaks for the subject."""
    status = today(a=on("3.10", State.BROKEN, FAILS), b=on("3.9", State.WORKS, WORKS))
    assert [python.python for python in status.pythons] == ["3.9", "3.10"]
    assert (status.standing, status.word) == (Standing.FAILS, "fails in 1 of 2 tested uses")


def test_framework_is_judged_by_its_newest_series() -> None:
    """Old series that break say nothing of the framework today; nor do other foundations."""
    flask = "flask/core/py3.13/flask-{0}/werkzeug-{1}"
    cells = (
        verdict(flask.format("1.1", "resolved"), State.BROKEN, NOT_IMPORTED),
        verdict(flask.format("3.1", "resolved"), State.WORKS, WORKS),
        verdict(flask.format("3.1", "2.0"), State.BROKEN, NOT_IMPORTED),
        verdict(flask.format("2.3", "resolved"), State.BROKEN, NOT_IMPORTED),
        verdict(flask.format("prerelease", "resolved"), State.BROKEN, NOT_IMPORTED),
    )
    status = statuses(*cells)["flask"]
    assert (status.standing, status.word) == (Standing.WORKS, "works")
    assert len(status.pythons) == 1
    breaks = (*cells[:1], replace(cells[1], state=State.BROKEN, record=NOT_IMPORTED))
    assert statuses(*breaks)["flask"].standing is Standing.NOT_IMPORTED


def test_series_are_compared_as_versions() -> None:
    """Series 3.10 of the framework is newer than 3.9."""
    cell = "flask/core/py3.13/flask-{0}/werkzeug-resolved"
    status = statuses(
        verdict(cell.format("3.9"), State.BROKEN, NOT_IMPORTED),
        verdict(cell.format("3.10"), State.WORKS, WORKS),
    )["flask"]
    assert status.standing is Standing.WORKS


def test_other_tables_are_not_today() -> None:
    """Cells with older versions say nothing of a fresh install."""
    grid = verdict("ext/grid/py3.13/flask-1.1/werkzeug-resolved", State.BROKEN, NOT_IMPORTED)
    assert "ext" not in statuses(grid)
    status = statuses(grid, on("3.13", State.WORKS, WORKS))["ext"]
    assert status.word == "works"


def test_states_that_are_no_judgement() -> None:
    """What was flaky, not installable together or not run is not judged."""
    for state in (State.FLAKY, State.CONFLICT, State.UNJUDGED, State.ERROR):
        status = today(a=on("3.13", state))
        assert (status.standing, status.word) == (Standing.NOT_JUDGED, "not judged")
        assert status.newest is None


def test_blocked_by_the_framework() -> None:
    """Where the framework itself fails, nothing is said of the subject."""
    status = today(a=on("3.13", State.BLOCKED))
    assert (status.standing, status.word) == (Standing.BLOCKED, "the framework fails")


def test_what_could_not_be_installed() -> None:
    """A subject that broke before anything could be run cannot be installed."""
    broken = on("3.13", State.BROKEN, stage=Stage.INSTALL, symptom="it does not build")
    status = today(a=replace(broken, signature="install: it does not build"))
    assert (status.standing, status.word) == (Standing.NOT_INSTALLED, "cannot be installed")
    assert status.newest is not None
    assert status.newest.counts is not None
    assert status.newest.counts.severity is Severity.NOT_INSTALLED


def test_version_is_that_of_the_lock() -> None:
    """The version that is named is the one that was run."""
    status = today(a=on("3.13", State.WORKS, WORKS))
    assert status.newest is not None
    assert status.newest.version == WORKS.lock["ext"]
    assert status.released == ("1.0", day(1))


_KINDS = {
    "works": (State.WORKS, WORKS),
    "fails": (State.BROKEN, FAILS),
    "import": (State.BROKEN, NOT_IMPORTED),
    "blocked": (State.BLOCKED, None),
    "missing": (State.UNJUDGED, None),
    "conflict": (State.CONFLICT, None),
}


@given(st.lists(st.sampled_from(sorted(_KINDS)), min_size=1, max_size=6))
def test_standing_is_of_the_newest_judged_python(kinds: list[str]) -> None:
    """Word and number follow from the newest Python that was judged, whatever the others are."""
    cells = [on(f"3.{8 + number}", *_KINDS[kind]) for number, kind in enumerate(kinds)]
    status = statuses(*cells)["ext"]
    judged = [kind for kind in kinds if kind not in ("missing", "conflict")]
    assert len(status.judged) == len(judged)
    expected = {
        "works": Standing.WORKS,
        "fails": Standing.FAILS,
        "import": Standing.NOT_IMPORTED,
        "blocked": Standing.BLOCKED,
    }
    assert status.standing is (expected[judged[-1]] if judged else Standing.NOT_JUDGED)
    assert status.word.startswith("works") == (status.standing is Standing.WORKS)
    assert {*status.working, *(p.python for p in status.failing), *status.not_judged} == {
        cell.cell.python for cell in cells
    }
