"""Which release broke what, by culprit; see next_releases.py for releases to come. Pure.

A release is named by the record that proves it the culprit. When it was published is said only if a
record holds its upload time; else the earliest record that has it installed is named instead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from watchdog.facts.facts import DowntimeFacts, Facts, OngoingFacts
from watchdog.facts.next_releases import NextReleaseFacts, by_use, next_releases
from watchdog.matrix.schema import Matrix
from watchdog.model.history import Culprit, ExplainedUses, History, PinStatus, Snapshot
from watchdog.model.python_series import PYTHON, PYTHON_RELEASES
from watchdog.model.verdict import Run, State, Verdict
from watchdog.model.wheel_wait import WheelWait
from watchdog.storage.forecast import Forecast
from watchdog.storage.versions import FinalVersions

Key = tuple[str, str]
"""Name and version of a release; Python is a package here, named `python`."""


@dataclass(frozen=True, kw_only=True)
class Harm:
    """A downtime that a release caused.

    Attributes:
        place: which of the successive causes it is, 0 for the one that began the downtime.
    """

    downtime: DowntimeFacts
    place: int

    @property
    def began(self) -> bool:
        """True if the release began the downtime; else uses failed already when it came."""
        return self.place == 0

    @property
    def goes_on(self) -> bool:
        """True if it fails to this day, and with the failure that this release caused."""
        downtime = self.downtime.downtime
        last = {use.signature for use in downtime.last_bad.uses.values() if use.signature}
        is_last = downtime.causes[self.place] is downtime.causes_until(last)[-1]
        return self.downtime.goes_on and (self.began or is_last)


@dataclass(frozen=True, kw_only=True)
class ReleaseFacts:
    """A release that is published, and what it did to the subjects.

    Attributes:
        published: upload time of its first file, UTC, or the day of a Python; None where no record
            holds it.
        seen: the earliest instant at which a record has it installed, UTC.
        harms: the downtimes that it caused, the most downloaded subject first.
        today: failures of fresh installs today that it caused and that are in none of its harms:
            on Pythons of which there is no history.
        pins: pinned releases of the framework that stopped working because of it.
        passed: subjects that it did not break and whose every tested use passes with it in a
            record, the most downloaded first.
        wheels: of a Python: how long each package with compiled code had no wheel for it, by name.
    """

    name: str
    version: str
    published: datetime | None
    seen: datetime | None
    harms: tuple[Harm, ...]
    today: tuple[tuple[OngoingFacts, ExplainedUses], ...]
    pins: tuple[PinStatus, ...]
    passed: tuple[str, ...]
    wheels: Mapping[str, WheelWait] = field(default_factory=dict)

    @property
    def broken(self) -> tuple[str, ...]:
        """The subjects of its harms and of its failures today, the most downloaded first."""
        subjects = [harm.downtime.subject for harm in self.harms]
        return tuple(dict.fromkeys([*subjects, *(o.breakage.subject for o, _ in self.today)]))

    @property
    def still_broken(self) -> tuple[str, ...]:
        """Those of them that fail to this day."""
        subjects = [harm.downtime.subject for harm in self.harms if harm.goes_on]
        return tuple(dict.fromkeys([*subjects, *(o.breakage.subject for o, _ in self.today)]))


@dataclass(frozen=True, kw_only=True)
class Releases:
    """All releases of which something is known.

    Attributes:
        past: the latest first; those of which no date is known last.
        next: those of the core first.
    """

    past: tuple[ReleaseFacts, ...]
    next: tuple[NextReleaseFacts, ...]


def derive_releases(
    matrix: Matrix,
    facts: Facts,
    *,
    run: Run | None,
    verdicts: Sequence[Verdict],
    pins: Sequence[PinStatus],
    forecast: Forecast | None,
    versions: Mapping[str, FinalVersions] | None = None,
) -> Releases:
    """Return what every release did and what the next ones would do.

    Args:
        matrix: gives ranks, and the packages of the stack.
        facts: what is true now.
        run: the latest run; None before the first.
        verdicts: of that run.
        pins: what became of pinned releases of the framework.
        forecast: None where none was made.
        versions: what the index shows of each package.
    """
    harms = _harms(matrix, facts.downtimes)
    today = _failures_today(facts)
    rotted: dict[Key, list[PinStatus]] = defaultdict(list)
    for pin in pins:
        if pin.culprit:
            rotted[_key(pin.culprit)].append(pin)
    passed = _passed_with(facts.histories, verdicts)
    published, seen = _upload_times(matrix, run, pins), _first_seen(facts)
    series = [(n, v) for n, v, _ in run.core if passed.get((n, v))] if run else []
    wheels = _waits_by_python(versions or {})
    series += [key for key in wheels if key[1] in matrix.python]
    past = [
        _release(
            matrix,
            key,
            published=published.get(key),
            seen=seen.get(key),
            harms=harms.get(key, ()),
            today=today.get(key, ()),
            pins=rotted.get(key, ()),
            passed=passed.get(key, ()),
            wheels=wheels.get(key, {}),
        )
        for key in dict.fromkeys([*harms, *today, *rotted, *series])
    ]
    past.sort(key=_newest_first)
    return Releases(past=tuple(past), next=tuple(next_releases(matrix, forecast, verdicts)))


def _key(culprit: Culprit) -> Key:
    return culprit.name, culprit.version


def _newest_first(release: ReleaseFacts) -> tuple[float, str, str]:
    day = release.published or release.seen
    return (-day.timestamp() if day else math.inf, release.name, release.version)


def _harms(matrix: Matrix, downtimes: Iterable[DowntimeFacts]) -> dict[Key, list[Harm]]:
    """Return the downtimes by each release that caused them, the most downloaded subject first."""
    harms: dict[Key, list[Harm]] = defaultdict(list)
    in_order = sorted(
        downtimes,
        key=lambda d: (matrix.download_rank(d.subject), d.subject, d.downtime.since, d.id),
    )
    for downtime in in_order:
        places: dict[Key, int] = {}
        for place, cause in enumerate(downtime.downtime.causes):
            if cause.culprit:
                places.setdefault(_key(cause.culprit), place)
        for key, place in places.items():
            harms[key].append(Harm(downtime=downtime, place=place))
    return harms


def _failures_today(facts: Facts) -> dict[Key, list[tuple[OngoingFacts, ExplainedUses]]]:
    """Return failures of today by each release that caused them, without those of a history."""
    today: dict[Key, list[tuple[OngoingFacts, ExplainedUses]]] = defaultdict(list)
    for ongoing in facts.ongoing:
        if ongoing.pages:
            continue
        for span in ongoing.breakage.spans:
            for key in dict.fromkeys(_key(c.culprit) for c in span.causes if c.culprit):
                today[key].append((ongoing, span))
    return today


def _passed_with(
    histories: Mapping[str, History], verdicts: Iterable[Verdict]
) -> dict[Key, set[str]]:
    """Return the subjects whose every tested use passes with a release, by release."""
    passed: dict[Key, set[str]] = defaultdict(set)
    for subject, history in histories.items():
        for snapshot in history.moments:
            if snapshot.works:
                for key in _installed(snapshot):
                    passed[key].add(subject)
    for verdict in verdicts:
        if verdict.state is State.WORKS and verdict.record:
            for key in verdict.record.lock.items():
                passed[key].add(verdict.cell.subject)
            passed[PYTHON, verdict.cell.python].add(verdict.cell.subject)
    return passed


def _installed(snapshot: Snapshot) -> Iterator[Key]:
    yield PYTHON, snapshot.python
    yield from snapshot.lock.pins if snapshot.lock else ()


def _upload_times(
    matrix: Matrix, run: Run | None, pins: Iterable[PinStatus]
) -> dict[Key, datetime]:
    """Return the upload times that records hold, and the days of Pythons."""
    times: dict[Key, datetime] = {
        (PYTHON, series): datetime.combine(day, time(), UTC)
        for series, day in PYTHON_RELEASES.items()
    }
    times |= {(matrix.framework, pin.version): pin.released for pin in pins}
    if run:
        times |= {(name, version): at for name, (version, at) in run.newest.items()}
        times |= {(name, version): at for name, version, at in run.core}
    return times


def _first_seen(facts: Facts) -> dict[Key, datetime]:
    """Return the earliest instant at which a record has each release installed."""
    seen: dict[Key, datetime] = {}
    for history in facts.histories.values():
        for snapshot in history.moments:
            for key in _installed(snapshot):
                seen[key] = min(seen.get(key, snapshot.since), snapshot.since)
        for breakage in history.breakages:
            if breakage.culprit and breakage.breaks:
                key = _key(breakage.culprit)
                if breakage.breaks.version(key[0]) == key[1]:
                    seen[key] = min(seen.get(key, breakage.broken_from), breakage.broken_from)
    return seen


def _release(
    matrix: Matrix,
    key: Key,
    *,
    published: datetime | None,
    seen: datetime | None,
    harms: Sequence[Harm],
    today: Sequence[tuple[OngoingFacts, ExplainedUses]],
    pins: Sequence[PinStatus],
    passed: Iterable[str],
    wheels: Mapping[str, WheelWait],
) -> ReleaseFacts:
    name, version = key
    broken = {harm.downtime.subject for harm in harms}
    broken |= {ongoing.breakage.subject for ongoing, _ in today}
    return ReleaseFacts(
        name=name,
        version=version,
        published=published,
        seen=seen,
        harms=tuple(harms),
        today=tuple(today),
        pins=tuple(pins),
        passed=tuple(by_use(matrix, {s for s in passed if s not in broken and s != name})),
        wheels=wheels,
    )


def _waits_by_python(versions: Mapping[str, FinalVersions]) -> dict[Key, dict[str, WheelWait]]:
    """Return how long packages had no wheel, by Python and name."""
    waits: dict[Key, dict[str, WheelWait]] = defaultdict(dict)
    for name, found in versions.items():
        for python, wait in found.wheels.items():
            waits[PYTHON, python][name] = wait
    return waits
