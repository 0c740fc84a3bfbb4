"""Says of requirements what is known to fail, and what to type instead: only what was run.

`report/static/paste-answers.js` does the same in a browser; a test asks both the same questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from watchdog.facts.lookup import Requests, SubjectAnswer, allows, choose, look_up
from watchdog.facts.rules import Advice, RuleBook, TestedSet, parse_version
from watchdog.facts.today import version_key
from watchdog.model.lock import Lock


class Finding(StrEnum):
    """What is said of a package."""

    FAILS = "fails"
    DEPENDS = "depends on the Python"
    WORKS = "works"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A failure that the requirements are known to have.

    Attributes:
        page: id of the downtime that tells it.
        seen: when it was first and last seen in the history, UTC; None if only the run shows it.
        again: when it was seen last in a run, UTC.
        fixed_by: package and version that mended it.
        pythons: on which the run saw it; empty if it did not.
        since_python: the first Python on which it fails; None if it does not depend on it.
    """

    words: str
    symptom: str
    page: str | None = None
    seen: tuple[datetime, datetime] | None = None
    again: datetime | None = None
    fixed_by: tuple[str, str] | None = None
    pythons: tuple[str, ...] = ()
    since_python: str | None = None


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """A requirement that a set contradicts, and what the set has instead."""

    name: str
    asked: str
    has: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What to type instead: it was run, and works.

    Attributes:
        typed: everything after `pip install`.
        version: of the package that it mends.
        works_on, fails_on: the Pythons on which it was run.
        checked: the cutoff at which it was run, UTC.
        replaces: what it contradicts.
        beside: requested packages that were not in the set.
    """

    typed: tuple[str, ...]
    version: str | None
    works_on: tuple[str, ...]
    fails_on: tuple[str, ...]
    checked: datetime
    replaces: tuple[Replacement, ...]
    beside: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SubjectReport:
    """What is said of one package.

    Attributes:
        offer: what to type instead, if it fails.
        refused: how many sets in which it works were run, that break another requested package.
    """

    answer: SubjectAnswer
    finding: Finding
    reasons: tuple[Reason, ...] = ()
    offer: Offer | None = None
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is said of requirements.

    Attributes:
        subjects: the packages of which something may be known, by name.
        asked: how many packages are asked for.
        unavailable: packages under watch of which no known version is allowed.
        breakages: how many breakages are known.
        together: a set that was run and mends everything that fails, if several fail.
    """

    subjects: tuple[SubjectReport, ...]
    asked: int
    unavailable: tuple[str, ...]
    breakages: int
    together: Offer | None = None

    @property
    def failing(self) -> tuple[SubjectReport, ...]:
        """Those that are known to fail."""
        return tuple(s for s in self.subjects if s.finding is Finding.FAILS)


def advise(book: RuleBook, requests: Requests, python: str | None = None) -> Report:
    """Return what is known of requirements, and what to type instead.

    Args:
        book: the rules and the tested sets.
        requests: what is asked for.
        python: a series; None for any.
    """
    answers = look_up(book, requests, python)
    alarms = [answer for answer in answers if answer.alarm]
    failing = frozenset(answer.subject for answer in alarms)
    search = _Search(book=book, requests=requests, python=python, failing=failing)
    return Report(
        subjects=tuple(_report(search, answer) for answer in answers),
        asked=len(requests),
        unavailable=tuple(
            sorted((book.subjects & requests.keys()) - {answer.subject for answer in answers})
        ),
        breakages=len(book.rules),
        together=search.together(alarms) if len(alarms) > 1 else None,
    )


def _report(search: _Search, answer: SubjectAnswer) -> SubjectReport:
    finding = _finding(answer)
    if finding is Finding.FAILS:
        offer, refused = search.best(answer)
        reasons = tuple(_reasons(search.book, answer))
        return SubjectReport(
            answer=answer, finding=finding, reasons=reasons, offer=offer, refused=refused
        )
    if finding is Finding.DEPENDS:
        reasons = tuple(_reasons(search.book, answer))
        return SubjectReport(answer=answer, finding=finding, reasons=reasons)
    return SubjectReport(answer=answer, finding=finding)


def _finding(answer: SubjectAnswer) -> Finding:
    if answer.alarm:
        return Finding.FAILS
    if answer.depends_on_python:
        return Finding.DEPENDS
    return Finding.WORKS if answer.works_on else Finding.UNKNOWN


def _reasons(book: RuleBook, answer: SubjectAnswer) -> Iterator[Reason]:
    """Yield what the same set showed when it was run, then the known breakages."""
    shown: dict[tuple[str, str], list[str]] = {}
    for python in answer.fails_on:
        result = answer.results[python]
        shown.setdefault((result.words, result.symptom), []).append(python)
    rules = () if answer.works_on else answer.rules or answer.newer_rules
    told: set[str] = set()
    for rule in rules:
        own = [p for (_, symptom), ps in shown.items() if symptom == rule.symptom for p in ps]
        words = next((w for w, symptom in shown if symptom == rule.symptom), rule.words)
        told.add(rule.symptom)
        yield Reason(
            words=words,
            symptom=rule.symptom,
            page=rule.page,
            seen=rule.seen,
            again=book.as_of if own else rule.again,
            fixed_by=rule.fixed_by,
            pythons=tuple(sorted(own, key=version_key)),
            since_python=rule.since_python,
        )
    for (words, symptom), pythons in shown.items():
        if symptom not in told:
            yield Reason(words=words, symptom=symptom, again=book.as_of, pythons=tuple(pythons))


# --- what to type instead ------------------------------------------------------------------------


class _Kind(IntEnum):
    """Where an offer comes from."""

    FRESH = 0
    CURE = 1
    SET = 2


@dataclass(kw_only=True)
class _Candidate:
    """Something to type that was run, with what it gave on each Python."""

    kind: _Kind
    subject: str
    typed: tuple[str, ...]
    checked: datetime
    locks: dict[str, Lock | None] = field(default_factory=dict)
    fails_on: set[str] = field(default_factory=set)

    def lock(self, python: str | None) -> Lock | None:
        """Return what it gave on a Python, or on the newest one on which it works."""
        return self.locks[python if python in self.locks else max(self.locks, key=version_key)]

    @property
    def specs(self) -> Mapping[str, SpecifierSet]:
        """What it asks for, by package."""
        requirements = map(Requirement, self.typed)
        return {canonicalize_name(r.name): r.specifier for r in requirements}


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Looks for what to type instead of some requirements of which some packages fail."""

    book: RuleBook
    requests: Requests
    python: str | None
    failing: frozenset[str]

    def best(self, answer: SubjectAnswer) -> tuple[Offer | None, int]:
        """Return the offer for a package that fails, and how many better ones were refused."""
        candidates = self._ranked(answer)
        for number, candidate in enumerate(candidates):
            if self._is_clear(candidate, self.failing - {answer.subject}):
                return self._offer(candidate), number
        return None, len(candidates)

    def together(self, alarms: Iterable[SubjectAnswer]) -> Offer | None:
        """Return an offer whose set holds all packages that fail, and mends them all."""
        for answer in alarms:
            for candidate in self._ranked(answer):
                lock = candidate.lock(self.python)
                if lock is None or not all(lock.version(name) for name in self.failing):
                    continue
                if self._is_clear(candidate, frozenset()):
                    return self._offer(candidate)
        return None

    def _ranked(self, answer: SubjectAnswer) -> list[_Candidate]:
        """Return what could be typed, that which changes the least first."""
        candidates = list(_candidates(self.book, answer))
        candidates.sort(key=lambda c: parse_version(self._version(c) or "0"), reverse=True)
        is_mended = any(r.fixed_by and r.fixed_by[0] == answer.subject for r in answer.rules)
        order = [_Kind.FRESH, _Kind.CURE] if is_mended else [_Kind.CURE, _Kind.FRESH]
        order.append(_Kind.SET)

        def cost(candidate: _Candidate) -> tuple[object, ...]:
            others, own = [0, 0], [0, 0]
            for replacement in self._replaces(candidate):
                is_own = replacement.name == answer.subject
                (own if is_own else others)[not self._is_far(replacement)] += 1
            return (
                self.python is not None and self.python not in candidate.locks,
                *others,
                order.index(candidate.kind),
                *own,
                len(candidate.typed),
            )

        return sorted(candidates, key=cost)

    def _version(self, candidate: _Candidate) -> str | None:
        lock = candidate.lock(self.python)
        return lock.version(candidate.subject) if lock else None

    def _is_far(self, replacement: Replacement) -> bool:
        """Return whether a replaced package gets a version of another series."""
        before = choose(self.book, replacement.name, self.requests[replacement.name])
        if before is None or not replacement.has[0].isdigit():
            return True
        return parse_version(before).release[:2] != parse_version(replacement.has).release[:2]

    def _replaces(self, candidate: _Candidate) -> Iterator[Replacement]:
        """Yield the requirements that a candidate contradicts."""
        lock, specs = candidate.lock(self.python), candidate.specs
        for name, spec in self.requests.items():
            if lock is None:
                wanted = specs.get(name)
                if wanted is not None and choose(self.book, name, spec & wanted) is None:
                    yield Replacement(name=name, asked=str(spec), has=str(wanted))
                continue
            version = lock.version(name)
            if version is not None and not allows(spec, version):
                yield Replacement(name=name, asked=str(spec), has=version)

    def _is_clear(self, candidate: _Candidate, known: frozenset[str]) -> bool:
        """Return whether with a candidate no requested package fails but the known ones."""
        lock = candidate.lock(self.python)
        requests = dict(self.requests)
        if lock is None:
            replaced = {r.name for r in self._replaces(candidate)}
            for name, spec in candidate.specs.items():
                kept = name in requests and name not in replaced
                requests[name] = requests[name] & spec if kept else spec
        else:
            requests |= {name: SpecifierSet(f"=={version}") for name, version in lock.pins}
        answers = look_up(self.book, requests, self.python)
        failing = {a.subject for a in answers if a.alarm and a.subject in self.requests}
        return not failing - known

    def _offer(self, candidate: _Candidate) -> Offer:
        lock = candidate.lock(self.python)
        has = {name for name, _ in lock.pins} if lock else set(candidate.specs)
        return Offer(
            typed=candidate.typed,
            version=self._version(candidate),
            works_on=tuple(sorted(candidate.locks, key=version_key)),
            fails_on=tuple(sorted(candidate.fails_on, key=version_key)),
            checked=candidate.checked,
            replaces=tuple(self._replaces(candidate)),
            beside=tuple(name for name in self.requests if name not in has),
        )


def _candidates(book: RuleBook, answer: SubjectAnswer) -> Iterator[_Candidate]:
    """Yield what was run with a package and works: cures, its fresh install, other sets."""
    found: dict[tuple[_Kind, tuple[str, ...]], _Candidate] = {}
    for advice in _cures(book, answer):
        key = (_Kind.CURE, advice.typed)
        candidate = found.setdefault(
            key,
            _Candidate(
                kind=_Kind.CURE,
                subject=answer.subject,
                typed=advice.typed,
                checked=advice.checked,
            ),
        )
        candidate.checked = min(candidate.checked, advice.checked)
        candidate.locks[advice.python] = advice.lock
    for tested in book.sets_of.get(answer.subject, ()):
        _add_set(found, book, tested)
    yield from (candidate for candidate in found.values() if candidate.locks)


def _cures(book: RuleBook, answer: SubjectAnswer) -> Iterator[Advice]:
    """Yield the cures of a package: of today, and of known breakages of its version."""
    yield from book.cures.get(answer.subject, ())
    for rule in book.rules_of.get(answer.subject, ()):
        if answer.version in rule.conditions[0]:
            yield from rule.advice


def _add_set(
    found: dict[tuple[_Kind, tuple[str, ...]], _Candidate], book: RuleBook, tested: TestedSet
) -> None:
    kind = _Kind.SET if tested.pins else _Kind.FRESH
    typed = typed_for(book, tested)
    candidate = found.setdefault(
        (kind, typed),
        _Candidate(kind=kind, subject=tested.subject, typed=typed, checked=book.as_of),
    )
    for python, result in tested.results.items():
        if result.works:
            candidate.locks[python] = tested.lock
        else:
            candidate.fails_on.add(python)


def typed_for(book: RuleBook, tested: TestedSet) -> tuple[str, ...]:
    """Return what to type after `pip install` to get a tested set.

    The subject has its version, and so has everything that an unpinned install has in another one.
    """
    versions = dict(tested.lock.pins)
    pinned = {tested.subject, *tested.pins}
    typed = []
    for requirement in map(Requirement, book.requires.get(tested.subject, (tested.subject,))):
        name = canonicalize_name(requirement.name)
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        own = f"=={versions[name]}" if name in pinned and name in versions else ""
        typed.append(f"{name}{extras}{own or requirement.specifier}")
        pinned.discard(name)
    typed += [f"{name}=={versions[name]}" for name in sorted(pinned) if name in versions]
    return tuple(typed)
