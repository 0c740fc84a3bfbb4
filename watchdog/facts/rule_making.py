"""Makes the rules of what is known to break, from pins, histories and the latest run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.facts.downtimes import Cause, Downtime
from watchdog.facts.rules import Advice, Interval, Rule, RuleBook, TestedSet, parse_version
from watchdog.facts.severity import count_uses_of_snapshot, describe
from watchdog.facts.tested_sets import tested_sets
from watchdog.facts.today import SubjectStatus, version_key
from watchdog.matrix.schema import Matrix
from watchdog.model.history import Culprit, CureRecord, Explanation, PinState, PinStatus, Snapshot
from watchdog.model.lock import Lock
from watchdog.model.python_series import PYTHON
from watchdog.model.verdict import State, Verdict


@dataclass(frozen=True, kw_only=True)
class RuleSources:
    """The derived facts and stored results that rules are made from.

    Attributes:
        downtimes: with the page of each.
        snapshots: of each subject's history.
        cures: by id of the breakage.
        versions: the final versions of packages on the index.
        explanations: of what fails today.
    """

    matrix: Matrix
    as_of: datetime
    downtimes: Sequence[tuple[Downtime, str]]
    snapshots: Mapping[str, Sequence[Snapshot]]
    cures: Mapping[str, CureRecord]
    pins: Sequence[PinStatus]
    statuses: Sequence[SubjectStatus]
    verdicts: Sequence[Verdict]
    versions: Mapping[str, Sequence[str]]
    explanations: Sequence[Explanation] = ()


def make_rule_book(sources: RuleSources) -> RuleBook:
    """Return the rules and the tested sets.

    A rule that a working set contradicts holds only for versions with which it was seen to fail; if
    it is contradicted even then, it is dropped. The order of verdicts and explanations, which
    depends on the machines that made them, changes nothing.
    """
    sources = _in_order(sources)
    sets = tuple(tested_sets(sources.matrix, sources.verdicts))
    working = _working_sets(sources)
    kept, dropped = [], []
    for variants in [*_pin_rules(sources), *_history_rules(sources)]:
        rule = next((v for v in variants if not _is_contradicted(v, working)), None)
        if rule is None:
            dropped.append(variants[-1])
        elif rule not in kept:
            kept.append(rule)
    matrix = sources.matrix
    subjects = sorted({tested.subject for tested in sets} | {rule.subject for rule in kept})
    return RuleBook(
        as_of=sources.as_of,
        rules=tuple(kept),
        sets=sets,
        versions=_known_versions(sources, sets),
        dropped=tuple(dropped),
        pythons=tuple(matrix.python),
        requires={subject: matrix.requirements(subject) for subject in subjects},
        titles={subject: matrix.title(subject) for subject in subjects},
        cures=_cures(sources),
        framework=matrix.framework,
    )


def _in_order(sources: RuleSources) -> RuleSources:
    """Return the sources with verdicts and explanations by subject, then by Python."""
    return replace(
        sources,
        verdicts=sorted(
            sources.verdicts,
            key=lambda v: (v.cell.subject, version_key(v.cell.python), v.cell.id),
        ),
        explanations=sorted(sources.explanations, key=lambda e: (e.subject, version_key(e.python))),
    )


def _cures(sources: RuleSources) -> Mapping[str, tuple[Advice, ...]]:
    """Return the cures of what fails today, by subject."""
    cures: dict[str, tuple[Advice, ...]] = defaultdict(tuple)
    for e in sources.explanations:
        if e.typed and e.lock and sources.matrix.is_package(e.subject):
            advice = Advice(typed=e.typed, python=e.python, lock=e.lock, checked=e.checked)
            cures[e.subject] = (*cures[e.subject], advice)
    return dict(cures)


def _known_versions(
    sources: RuleSources, sets: Sequence[TestedSet]
) -> Mapping[str, tuple[str, ...]]:
    """Return the versions of each package that are known, ascending: of the index and of locks."""
    known: dict[str, set[str]] = defaultdict(set)
    for name, versions in sources.versions.items():
        known[name] |= set(versions)
    for tested in sets:
        for name, version in tested.lock.pins:
            known[name].add(version)
    for pin in sources.pins:
        known[sources.matrix.framework].add(pin.version)
    return {name: tuple(sorted(versions, key=parse_version)) for name, versions in known.items()}


_Variants = tuple[Rule, ...]
"""The same rule, for fewer and fewer versions."""


def _pin_rules(sources: RuleSources) -> Iterator[_Variants]:
    """Yield a rule for each bound that a pinned framework needs; each was seen to be needed."""
    framework = sources.matrix.framework
    for pin in sources.pins:
        if pin.subject != framework or pin.state is not PinState.ROTTED or not pin.pins:
            continue
        typed = (*pin.requirements, *pin.pins)
        advice = Advice(
            typed=typed, python=pin.newest_python or pin.python, lock=None, checked=pin.checked
        )
        for name, bound in _upper_bounds(pin.pins):
            rule = Rule(
                subject=framework,
                conditions=(
                    Interval(package=framework, low=pin.version, through=pin.version),
                    Interval(package=name, low=bound),
                ),
                words="fails",
                symptom=pin.symptom or "",
                page=None,
                seen=(pin.rotted_on or pin.checked,) * 2,
                again=pin.checked,
                advice=(advice,),
            )
            yield (rule,)


def _upper_bounds(requirements: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield package and first version that is too new, for each upper bound in requirements."""
    for requirement in map(Requirement, requirements):
        for specifier in requirement.specifier:
            if specifier.operator == "<":
                yield canonicalize_name(requirement.name), specifier.version


def _history_rules(sources: RuleSources) -> Iterator[_Variants]:
    """Yield a rule for each cause of a downtime of a package whose culprit was found."""
    statuses = {status.subject: status for status in sources.statuses}
    for downtime, page in sources.downtimes:
        if not sources.matrix.is_package(downtime.subject):
            continue
        for cause in downtime.causes:
            status = statuses.get(downtime.subject)
            culprit = cause.culprit
            if culprit is not None and cause.breakage.subject_version:
                seen = _Seen(sources, downtime, cause, status)
                yield tuple(
                    _history_rule(seen, culprit, page, open_end=open_end)
                    for open_end in (True, False)
                )


def _history_rule(seen: _Seen, culprit: Culprit, page: str, *, open_end: bool) -> Rule:
    """Return the rule of a cause.

    Args:
        seen: with which versions it was seen.
        culprit: the release that caused it.
        page: id of the downtime that tells it.
        open_end: whether it holds for all later versions of the culprit, where the subject mended
            it: nothing says then that the culprit took back what it did.
    """
    downtime, cause, breakage = seen.downtime, seen.cause, seen.cause.breakage
    fix = downtime.fix
    subject = _subject_interval(downtime, breakage.subject_version, seen)
    conditions = [subject]
    if culprit.name == downtime.subject:
        conditions = [replace(subject, low=culprit.version)]
    elif culprit.name != PYTHON:
        interval = _culprit_interval(downtime, culprit.name, culprit.version, seen)
        if open_end and fix and fix.name == downtime.subject:
            interval = replace(interval, through=None)
        conditions.append(interval)
    if fix and fix.name not in (downtime.subject, culprit.name) and seen.has(fix.name):
        conditions.append(Interval(package=fix.name, below=fix.version))
    return Rule(
        subject=downtime.subject,
        conditions=tuple(conditions),
        absent=_absent(cause, downtime),
        since_python=culprit.version if culprit.name == PYTHON else None,
        words=_words(cause),
        symptom=breakage.symptom,
        page=page,
        seen=(cause.since, cause.last_seen.since),
        again=seen.again,
        fixed_by=(fix.name, fix.version) if fix else None,
        advice=tuple(seen.advice()),
    )


@dataclass(frozen=True)
class _Seen:
    """With which versions the failure of a cause was seen."""

    sources: RuleSources
    downtime: Downtime
    cause: Cause
    status: SubjectStatus | None

    @property
    def cure(self) -> CureRecord | None:
        """What was run today with the version that broke."""
        return self.sources.cures.get(self.cause.breakage.id)

    @property
    def locks(self) -> list[Lock]:
        """The locks with which it was seen: in the history, and again today."""
        signature = self.cause.breakage.signature
        locks = [
            snapshot.lock
            for snapshot in self.sources.snapshots.get(self.downtime.subject, ())
            if snapshot.lock
            and signature in snapshot.fails
            and self.cause.since <= snapshot.since <= self.cause.last_seen.since
        ]
        if self.cause.breakage.breaks:
            locks.append(self.cause.breakage.breaks)
        locks += [lock for lock, _ in self._again()]
        return locks

    def _again(self) -> Iterator[tuple[Lock, datetime]]:
        """Yield the locks of later runs with the same failure, and their cutoffs."""
        signature = self.cause.breakage.signature
        if self.cure and self.cure.breaks and signature in self.cure.fails:
            yield self.cure.breaks, self.cure.checked
        if self.status is None:
            return
        for python in self.status.failing:
            if python.lock and python.counts and signature in python.counts.signatures:
                yield python.lock, self.status.as_of

    @property
    def again(self) -> datetime | None:
        """When it was seen last in a later run, UTC; None if no later run shows it."""
        return max((when for _, when in self._again()), default=None)

    def has(self, package: str) -> bool:
        """Return whether a package was installed when it was seen."""
        return any(lock.version(package) for lock in self.locks)

    def newest(self, package: str) -> str | None:
        """Return the newest version of a package with which it was seen."""
        versions = [version for lock in self.locks if (version := lock.version(package))]
        return max(versions, key=parse_version, default=None)

    def advice(self) -> Iterator[Advice]:
        """Yield what was run and works today with the version that broke."""
        cure = self.cure
        if cure and cure.typed and cure.lock and cure.how != "nothing":
            yield Advice(typed=cure.typed, python=cure.python, lock=cure.lock, checked=cure.checked)


def _subject_interval(downtime: Downtime, low: str, seen: _Seen) -> Interval:
    """Return the versions of the subject that failed: up to the one that mended it."""
    fix = downtime.fix
    if fix and fix.name == downtime.subject:
        return Interval(package=downtime.subject, low=low, below=fix.version)
    newest = seen.newest(downtime.subject) or low
    return Interval(package=downtime.subject, low=low, through=max(newest, low, key=parse_version))


def _culprit_interval(downtime: Downtime, name: str, low: str, seen: _Seen) -> Interval:
    """Return the versions of the culprit that break: up to the one that mended it."""
    fix = downtime.fix
    if fix and fix.name == name and parse_version(fix.version) > parse_version(low):
        return Interval(package=name, low=low, below=fix.version)
    return Interval(package=name, low=low, through=seen.newest(name) or low)


_MISSING_MODULE = re.compile(r"No module named '(?P<module>\w+)'")


def _absent(cause: Cause, downtime: Downtime) -> tuple[str, ...]:
    """Return the packages whose presence mends a missing module: those no longer brought along."""
    match = _MISSING_MODULE.search(cause.breakage.symptom)
    if match is None:
        return ()
    names: set[str] = {canonicalize_name(match["module"])}
    good, bad = downtime.last_good.lock, cause.breakage.breaks
    if good and bad:
        names |= {name for name, _ in good.pins} - {name for name, _ in bad.pins}
    # What is installed although its module is missing has lost that module, as `flask._compat`.
    return tuple(sorted(names - set(dict(bad.pins)) if bad else names))


def _words(cause: Cause) -> str:
    counts = count_uses_of_snapshot(cause.last_seen, {}) if cause.last_seen.uses else None
    return describe(counts, name_uses=False) if counts else "fails"


def _working_sets(sources: RuleSources) -> list[tuple[str, dict[str, str], str]]:
    """Return the sets in which a subject works: subject, versions, Python."""
    run = [
        (v.record.subject, v.record.lock, v.cell.python)
        for v in sources.verdicts
        if v.record and v.state is State.WORKS
    ]
    past = [
        (subject, dict(snapshot.lock.pins), snapshot.python)
        for subject, snapshots in sources.snapshots.items()
        for snapshot in snapshots
        if snapshot.lock and snapshot.works and snapshot.uses
    ]
    explained = [(e.subject, dict(e.lock.pins), e.python) for e in sources.explanations if e.lock]
    cured = [
        (downtime.subject, dict(cure.lock.pins), cure.python)
        for downtime, _ in sources.downtimes
        for cause in downtime.causes
        if (cure := sources.cures.get(cause.breakage.id)) and cure.lock
    ]
    return [*run, *past, *explained, *cured]


def _is_contradicted(rule: Rule, working: Sequence[tuple[str, dict[str, str], str]]) -> bool:
    return any(
        subject == rule.subject and rule.matches(versions, python, versions)
        for subject, versions, python in working
    )
