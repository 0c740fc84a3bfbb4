"""Which release broke what, and what the next ones would break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ecosystem import day
from samples import BREAKAGE, MATRIX, RISK, history, record

from watchdog.facts.facts import Facts, derive_facts
from watchdog.facts.releases import Releases, derive_releases
from watchdog.model.cell import parse_cell_id
from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit, History, PinState, PinStatus
from watchdog.model.verdict import Run, State, Verdict
from watchdog.storage.forecast import Forecast, Kind, Risk, Source

ENDED = replace(BREAKAGE, id="other-1.0--werkzeug-3.0.0", fixed_on=day(5))
RUN = Run(day(9), day(9), core=(("werkzeug", "3.0.0", day(2)), ("werkzeug", "2.0.0", day(0))))


def facts_of(*histories: History) -> Facts:
    return derive_facts(
        MATRIX,
        run=None,
        verdicts=(),
        histories={own.subject: own for own in histories},
        explanations={},
        cures={},
        published=(),
        titles={},
    )


def releases(
    facts: Facts, *, run: Run | None = None, verdicts: Sequence[Verdict] = (), **more: Any
) -> Releases:
    given = {"pins": (), "forecast": None} | more
    return derive_releases(MATRIX, facts, run=run, verdicts=verdicts, **given)


def forecast(*risks: Risk) -> Forecast:
    return Forecast(day(9), "3.13", 80, risks)


def test_release_has_every_downtime_that_it_caused() -> None:
    """A release has the downtimes of all subjects that it broke, and says which go on."""
    facts = facts_of(history("ext", BREAKAGE), history("other", ENDED))
    (release,) = releases(facts).past
    assert (release.name, release.version) == ("werkzeug", "3.0.0")
    assert [(h.downtime.subject, h.began) for h in release.harms] == [
        ("ext", True),
        ("other", True),
    ]
    assert (release.broken, release.still_broken) == (("ext", "other"), ("ext",))


def test_day_of_publication_needs_record() -> None:
    """A release is dated by an upload time of a record; else its first installation is named."""
    facts = facts_of(history("ext", BREAKAGE))
    (unknown,) = releases(facts).past
    assert (unknown.published, unknown.seen) == (None, day(3))
    known = releases(facts, run=RUN).past[0]
    assert (known.published, known.seen) == (day(2), day(3))


def test_release_of_core_without_harm() -> None:
    """A first release of a series that broke nothing is listed if a record shows who passed."""
    facts = facts_of(history("ext", BREAKAGE), history("other"))
    harmless = releases(facts, run=RUN).past[-1]
    assert (harmless.version, harmless.broken) == ("2.0.0", ())
    assert harmless.passed == ("ext", "other")


def test_passed_needs_record_of_that_release() -> None:
    """A subject passed with a release only if a record has both; one that it broke did not."""
    facts = facts_of(history("ext", BREAKAGE))
    good = replace(record(), lock={"werkzeug": "3.0.0", "other": "1.0"})
    bad = replace(record(Outcome.BROKEN), lock={"werkzeug": "3.0.0", "tutorial": "1.0"})
    verdicts = [
        Verdict(parse_cell_id("other/today/py3.11"), State.WORKS, record=good),
        Verdict(parse_cell_id("ext/today/py3.11"), State.WORKS, record=good),
        Verdict(parse_cell_id("tutorial/today/py3.11"), State.BROKEN, record=bad),
    ]
    (release,) = releases(facts, verdicts=verdicts).past
    assert release.passed == ("other",)


def test_pins_by_release() -> None:
    """A release that broke only pinned releases of the framework is listed with them."""
    pin = PinStatus(
        version="2.2.2",
        released=day(0),
        requirements=("flask==2.2.2",),
        subject="flask",
        python="3.11",
        state=PinState.ROTTED,
        checked=day(9),
        rotted_on=day(3),
        culprit=Culprit("werkzeug", "3.0.0", "2.3.7"),
    )
    (release,) = releases(facts_of(), pins=[pin]).past
    assert (release.pins, release.broken) == ((pin,), ())


@pytest.mark.parametrize(
    ("risk", "version", "named"),
    [
        (replace(RISK, removed_in="3.2"), "3.2", True),
        (replace(RISK, removed_in="4.0.0"), "4", True),
        (replace(RISK, removed_in="2.1"), None, False),
        (replace(RISK, removed_in=None), None, False),
        (replace(RISK, removed_in="soon"), None, False),
    ],
)
def test_announced_release(risk: Risk, version: str | None, named: bool) -> None:
    """An announcement counts for the release it names, unless that release has passed."""
    risk = replace(risk, package_version="3.0.0")
    found = releases(facts_of(), forecast=forecast(risk)).next
    (own,) = [release for release in found if release.name == "werkzeug"]
    assert own.version == version
    assert (own.risks, own.unnamed) == (((risk,), ()) if named else ((), (risk,)))


def test_prerelease_counts_for_its_release() -> None:
    """Failures and passes with a prerelease stand at the release that it leads to."""
    risk = replace(RISK, package_version="3.2.0rc1", kind=Kind.BROKEN, source=Source.PRERELEASE)
    lock = {"werkzeug": "3.2.0rc1", "other": "1.0"}
    cell = parse_cell_id("other/core/py3.11/flask-3.1/werkzeug-prerelease")
    passed = Verdict(cell, State.WORKS, record=replace(record(), lock=lock))
    found = releases(facts_of(), verdicts=[passed], forecast=forecast(risk)).next
    own = next(release for release in found if release.name == "werkzeug")
    assert own.version == "3.2"
    assert own.risks == (risk,)
    assert own.passed == (("other", "3.2.0rc1"),)
    assert own.prereleases == ("3.2.0rc1",)


def test_next_release_of_core_without_risks() -> None:
    """The core has a page of its next release even where nothing is announced."""
    found = releases(facts_of(), forecast=forecast()).next
    assert [(r.name, r.version, r.risks) for r in found] == [
        ("flask", None, ()),
        ("werkzeug", None, ()),
    ]


def test_gone_is_no_next_release() -> None:
    """What is gone already is no matter of a release to come."""
    gone = replace(RISK, kind=Kind.GONE)
    assert all(
        not r.risks and not r.unnamed for r in releases(facts_of(), forecast=forecast(gone)).next
    )


@pytest.mark.parametrize(
    ("interpreter", "series"), [("3.15.2", "3.16"), ("3.16.0a3", "3.16"), ("3.77.0", "3.78")]
)
def test_next_python_is_looked_at(interpreter: str, series: str) -> None:
    """Where Python was asked, the one after it is a release to come, also without any risk."""
    asked = replace(forecast(), interpreter=interpreter)
    (python,) = [r for r in releases(facts_of(), forecast=asked).next if r.name == "python"]
    assert (python.version, python.risks) == (series, ())
    assert not [r for r in releases(facts_of(), forecast=forecast()).next if r.name == "python"]


def test_announcements_of_python() -> None:
    """Each Python that removes something is a release to come, with who uses it."""
    risk = replace(RISK, package="python", package_version="3.15.2", removed_in="3.17")
    asked = replace(forecast(risk), interpreter="3.15.2")
    found = {r.version: r for r in releases(facts_of(), forecast=asked).next if r.name == "python"}
    assert found.keys() == {"3.16", "3.17"}
    assert found["3.17"].risks == (risk,)
