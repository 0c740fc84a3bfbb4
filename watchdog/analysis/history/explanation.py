"""Explains why a subject fails on a fresh install today, on one Python, and finds what to type.

What the history knows is tried on this Python first, since that takes a few runs: the instant at
which it says that the failure began, and bounds on the releases that caused it. Only where that
does not hold is the past of this Python searched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.version import Version

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment, cutoff_of
from watchdog.analysis.history.build_failure import explain_failed_install, find_failed_install
from watchdog.analysis.history.causes import explain_causes
from watchdog.analysis.history.cure import Cure
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.removed_modules import packages_for
from watchdog.facts.downtimes import Cause, Downtime, find_downtimes
from watchdog.facts.today import version_key
from watchdog.model.history import (
    ALL_USES,
    Culprit,
    ExplainedCause,
    ExplainedUses,
    Explanation,
    History,
    Snapshot,
)
from watchdog.model.lock import Lock, package_name
from watchdog.model.python_series import PYTHON


@dataclass(frozen=True, kw_only=True)
class _Today:
    """A failure of today that is to be explained.

    Attributes:
        downtimes: those of the history that go on and have a use that fails today.
    """

    experiment: Experiment
    python: str
    as_of: datetime
    bad: Snapshot
    downtimes: tuple[Downtime, ...]


async def explain_today(
    experiment: Experiment,
    python: str,
    as_of: datetime,
    *,
    history: History | None,
    known: Sequence[Explanation] = (),
) -> Explanation | None:
    """Return why a subject fails today on one Python and what to type; None if it does not fail.

    Args:
        experiment: the subject with what is typed for it.
        python: a series.
        as_of: today, UTC.
        history: of the subject, if there is one.
        known: explanations of the same subject on other Pythons, and an earlier one on this.
    """
    bad = await experiment.observe(python, as_of)
    if failed := await find_failed_install(experiment, python, as_of, bad):
        return await explain_failed_install(failed)
    if bad.gap is not None or not bad.fails or bad.lock is None:
        return None
    downtimes = _ongoing(history, bad)
    today = _Today(experiment=experiment, python=python, as_of=as_of, bad=bad, downtimes=downtimes)
    before = _same_failure(known, today)
    search = _PastSearch(today)
    found, tried = await _find_cure(today, known, search)
    spans = await _known_spans(today, history, found)
    if not spans and before and before.spans:
        spans = before.spans
    if not spans:
        spans = await _spans_of_another_python(today, known, found)
    if not spans and _may_have_worked(today):
        spans = await search.spans()
    return Explanation(
        subject=experiment.subject,
        python=python,
        fails=tuple(sorted(bad.fails)),
        breaks=bad.lock,
        checked=as_of,
        spans=spans,
        typed=cure.pip_arguments(experiment.requirements, found.pins) if found else None,
        how=found.how if found else None,
        lock=found.lock if found else None,
        tried=() if found else tuple(tried),
    )


def _ongoing(history: History | None, bad: Snapshot) -> tuple[Downtime, ...]:
    if history is None:
        return ()
    return tuple(d for d in find_downtimes(history) if d.until is None and _failing(bad, d.uses))


def _failing(snapshot: Snapshot, uses: frozenset[str]) -> bool:
    """Return whether one of some uses fails in a snapshot."""
    statuses = (snapshot.of(use) for use in uses)
    return any(status is not None and status.signature for status in statuses)


def _passing(snapshot: Snapshot, uses: frozenset[str]) -> bool:
    """Return whether all of some uses pass in a snapshot."""
    statuses = [snapshot.of(use) for use in uses]
    return all(status is not None and not status.signature for status in statuses)


def _same_failure(known: Sequence[Explanation], today: _Today) -> Explanation | None:
    """Return the earlier explanation of the same failure on this Python."""
    fails = tuple(sorted(today.bad.fails))
    return next((e for e in known if e.python == today.python and e.fails == fails), None)


async def _known_spans(
    today: _Today, history: History | None, found: Cure | None
) -> tuple[ExplainedUses, ...]:
    """Return since when it fails, as the history has it, where that is shown for this Python."""
    spans = []
    for downtime in today.downtimes:
        evidence, works = await _evidence(today, history, downtime, found)
        if evidence:
            spans.append(
                ExplainedUses(
                    uses=tuple(sorted(downtime.uses)),
                    since=downtime.since,
                    causes=tuple(map(explained_cause, downtime.causes_until(today.bad.fails))),
                    evidence=evidence,
                    works=works,
                )
            )
    return tuple(spans)


def explained_cause(cause: Cause) -> ExplainedCause:
    """Return a cause of a downtime without its snapshots."""
    breakage = cause.breakage
    return ExplainedCause(
        culprit=breakage.culprit,
        proof=breakage.proof,
        since=cause.since,
        symptom=breakage.symptom,
    )


async def _evidence(
    today: _Today, history: History | None, downtime: Downtime, found: Cure | None
) -> tuple[str, Lock | None]:
    """Return what shows that a downtime of the history is also that of this Python."""
    works = downtime.works.lock if downtime.works else None
    if history and history.moments and history.moments[-1].python == today.python:
        return "history", works
    first = downtime.causes[0]
    if first.culprit is None or first.culprit.name == PYTHON:
        return "", None
    before = await today.experiment.observe(today.python, downtime.since)
    if before.gap is None and _passing(before, downtime.uses):
        after = await today.experiment.observe(today.python, cutoff_of(downtime.first_bad))
        if first.breakage.signature in after.fails:
            return "replay", before.lock
    if found and await _is_edge(today, downtime.uses, first.culprit, found):
        return "edge", found.lock
    return "", None


async def _spans_of_another_python(
    today: _Today, known: Sequence[Explanation], found: Cure | None
) -> tuple[ExplainedUses, ...]:
    """Return since when it fails alike on another Python, where the cure shows it for this one."""
    if found is None:
        return ()
    alike = [e for e in known if set(e.fails) == today.bad.fails and e.python != today.python]
    for explanation in alike:
        spans = [
            replace(span, evidence="edge", works=found.lock)
            for span in explanation.spans
            if span.causes
            and await _is_edge(today, frozenset(span.uses), span.causes[0].culprit, found)
        ]
        if spans and {use for span in spans for use in span.uses} == today.bad.failing:
            return tuple(spans)
    return ()


async def _is_edge(
    today: _Today, uses: frozenset[str], culprit: Culprit | None, found: Cure
) -> bool:
    """Return whether the cure bounds the culprit exactly where it is said to have broken uses.

    With the other bounds of the cure, the release that broke them must fail.
    """
    if culprit is None or culprit.name == PYTHON:
        return False
    bound = cure.upper_bound(culprit.name, culprit.version)
    if bound not in found.pins:
        return False
    others = [pin for pin in found.pins if pin != bound]
    pin = f"{culprit.name}=={culprit.version}"
    at_edge = await today.experiment.observe(today.python, today.as_of, *others, pin)
    return at_edge.gap is None and _failing(at_edge, uses)


def _may_have_worked(today: _Today) -> bool:
    """Return whether it may have worked on this Python: it is not newer than when all worked.

    On a newer one most sets of that time do not even build, and a search takes an hour.
    """
    pythons = [d.works.python for d in today.downtimes if d.works]
    return all(version_key(today.python) <= version_key(python) for python in pythons)


async def _find_cure(
    today: _Today, known: Sequence[Explanation], search: _PastSearch
) -> tuple[Cure | None, list[str]]:
    """Return what makes it work, and what was tried, in words."""
    tried: list[str] = []
    found = await _try_candidates(today, _candidates(today, known), tried)
    if found:
        return found, tried
    for works in _last_works(today):
        tried.append(f"everything as it was on {works.since:%Y-%m-%d}")
        found = await cure.hold_back(today.experiment, today.python, today.as_of, works)
        if found:
            return found, tried
    if not _may_have_worked(today):
        return None, tried
    good = await search.last_good()
    if good is None or good.lock is None:
        tried.append(f"every earlier set on Python {today.python}: none works")
        return None, tried
    tried.append(f"what an install gave before {good.since:%Y-%m-%d}")
    return await cure.find_cure(today.experiment, today.python, today.as_of, good), tried


async def _try_candidates(
    today: _Today, candidates: Iterable[tuple[str, ...]], tried: list[str]
) -> Cure | None:
    """Return the first pins that make it work; add to `tried` what was tried, in words.

    Where a module is missing that another package brings, that is tried next beside the pins.
    """
    queue = deque(candidates)
    if added := packages_for(today.bad):
        queue.appendleft(added)
    while queue:
        pins = queue.popleft()
        tried.append(" ".join(pins))
        seen = await today.experiment.observe(today.python, today.as_of, *pins)
        found = await cure.try_pins(today.experiment, today.python, today.as_of, today.bad, pins)
        if found:
            return found
        more = (*pins, *packages_for(seen))
        if more != pins and " ".join(more) not in tried:
            queue.appendleft(more)
    return None


def _last_works(today: _Today) -> list[Snapshot]:
    """Return the last snapshots of the history in which all worked, perhaps on another Python."""
    by_lock = {d.works.lock: d.works for d in today.downtimes if d.works}
    return list(by_lock.values())


def _candidates(today: _Today, known: Sequence[Explanation]) -> list[tuple[str, ...]]:
    """Return bounds that may make it work, the most probable first.

    Those that work on this or another Python, then bounds on the releases that caused it, then for
    each package that is typed the major version before.
    """
    candidates = [
        _pins_of(explanation, today.experiment.requirements)
        for explanation in sorted(known, key=lambda e: e.python != today.python)
    ]
    bounds, holds = [], []
    for downtime in today.downtimes:
        for name, version in _culprits(downtime, today.experiment.subject):
            bounds.append((name, cure.upper_bound(name, version)))
        holds.append(_held_as_it_worked(today, downtime))
    candidates += [(bound,) for _, bound in bounds]
    # The first bound of each package is the lowest: causes follow one another in time.
    lowest = dict(reversed(bounds))
    candidates.append(tuple(sorted(lowest.values())))
    majors = [_core_of_its_major(today, downtime) | lowest for downtime in today.downtimes]
    candidates += [tuple(sorted(pins.values())) for pins in majors]
    candidates += [*holds, *_majors_before(today)]
    return [pins for pins in dict.fromkeys(candidates) if pins]


def _majors_before(today: _Today) -> list[tuple[str, ...]]:
    """Return for each package that is typed the bound below its major version of today."""
    index = today.experiment.scheduler.workspace.index
    bounds: list[tuple[str, ...]] = []
    for name in map(package_name, today.experiment.requirements):
        version = today.bad.lock.version(name) if today.bad.lock else None
        major = Version(version).major if version else 0
        releases = index.final_releases(name, today.as_of)
        if any(release.version.major < major for release in releases):
            bounds.append((f"{name}<{major}",))
    return bounds


def _pins_of(explanation: Explanation, requirements: Sequence[str]) -> tuple[str, ...]:
    """Return what is typed beside some requirements so that it works; empty if nothing is known."""
    return tuple(part for part in explanation.typed or () if part not in requirements)


def has_untried_pins(
    own: Explanation | None, known: Sequence[Explanation], requirements: Sequence[str]
) -> bool:
    """Return whether a failure that nothing cures may be cured by what cures it on another Python.

    Args:
        own: the explanation on one Python, if there is one.
        known: those on all Pythons.
        requirements: what is typed.
    """
    if own is None or own.typed is not None:
        return False
    pins = (" ".join(_pins_of(explanation, requirements)) for explanation in known)
    return any(words and words not in own.tried for words in pins)


def _core_of_its_major(today: _Today, downtime: Downtime) -> dict[str, str]:
    """Return bounds that keep the core at the major versions of when all worked."""
    lock = downtime.works.lock if downtime.works else None
    names = today.experiment.scheduler.workspace.settings.matrix.core_names
    versions = {name: lock.version(name) for name in names} if lock else {}
    return {name: f"{name}<{Version(v).major + 1}" for name, v in versions.items() if v}


def _culprits(downtime: Downtime, subject: str) -> list[tuple[str, str]]:
    """Return name and version of the packages that caused a downtime, in turn."""
    culprits = [cause.culprit for cause in downtime.causes if cause.culprit]
    return [(c.name, c.version) for c in culprits if c.name not in (PYTHON, subject)]


def _held_as_it_worked(today: _Today, downtime: Downtime) -> tuple[str, ...]:
    """Return bounds that keep the culprits and the core no newer than when all worked."""
    lock = downtime.works.lock if downtime.works else None
    if lock is None:
        return ()
    matrix = today.experiment.scheduler.workspace.settings.matrix
    names = {name for name, _ in _culprits(downtime, today.experiment.subject)}
    now = dict(today.bad.lock.pins) if today.bad.lock else {}
    held = sorted((names | set(matrix.core_names)) & now.keys())
    versions = {name: version for name in held if (version := lock.version(name))}
    return tuple(f"{name}<={version}" for name, version in versions.items())


@dataclass
class _PastSearch:
    """Searches the past of one Python, once, when it is needed."""

    today: _Today
    _done: bool = False
    _good: Snapshot | None = None

    async def last_good(self) -> Snapshot | None:
        """Return the last snapshot on this Python in which more worked than today."""
        if not self._done:
            self._done = True
            today = self.today
            transition = await last_working_snapshot(today.experiment, today.python, today.as_of)
            self._good = transition[0] if transition else None
        return self._good

    async def spans(self) -> tuple[ExplainedUses, ...]:
        """Return since when what works in the last good snapshot fails, and its causes."""
        good, today = await self.last_good(), self.today
        if good is None:
            return ()
        onset = await bisect.locate_onset(today.experiment, good, today.bad)
        if onset is None:
            return ()
        causes = await explain_causes(today.experiment, onset, today.bad, good)
        uses = sorted(onset.uses - {ALL_USES}) or [ALL_USES]
        return (
            ExplainedUses(
                uses=tuple(uses),
                since=causes[0].since,
                causes=causes,
                evidence="search",
                works=onset.last_good.lock,
            ),
        )
