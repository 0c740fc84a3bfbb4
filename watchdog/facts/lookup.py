"""Looks requirements up in the rule book: which of them are known to fail, and on which Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from watchdog.facts.rules import Rule, RuleBook, SetResult, TestedSet, parse_version
from watchdog.facts.today import version_key

Requests = Mapping[str, SpecifierSet]
"""What is asked for: a set of version specifiers by canonical name of the package."""


@dataclass(frozen=True, kw_only=True)
class SubjectAnswer:
    """What is known of one package of some requirements.

    Attributes:
        version: the one that is pinned, or that an installer takes today.
        results: of the same set, if it was run, by Python.
        rules: known breakages that the requirements have.
    """

    subject: str
    version: str
    results: Mapping[str, SetResult]
    rules: tuple[Rule, ...]

    @property
    def fails_on(self) -> tuple[str, ...]:
        """The Pythons on which the same set was run and fails."""
        return _pythons(self.results, works=False)

    @property
    def works_on(self) -> tuple[str, ...]:
        """The Pythons on which the same set was run and works."""
        return _pythons(self.results, works=True)

    @property
    def alarm(self) -> bool:
        """True if it is known to fail, on every Python that is looked at."""
        if self.results:
            return not self.works_on
        return bool(self.rules)

    @property
    def depends_on_python(self) -> bool:
        """True if the same set works on some Pythons and fails on others."""
        return bool(self.works_on and self.fails_on)

    @property
    def known(self) -> bool:
        """True if anything is known of it with these requirements."""
        return bool(self.results or self.rules)


def _pythons(results: Mapping[str, SetResult], *, works: bool) -> tuple[str, ...]:
    pythons = [python for python, result in results.items() if result.works is works]
    return tuple(sorted(pythons, key=version_key))


def look_up(
    book: RuleBook, requests: Requests, python: str | None = None, *, sets: bool = True
) -> tuple[SubjectAnswer, ...]:
    """Return what is known of each package of some requirements that is under watch.

    Args:
        book: the rules and the tested sets.
        requests: what is asked for.
        python: a series; None for any.
        sets: whether the sets that were run are looked at, beside the rules.
    """
    chosen = {name: v for name, spec in requests.items() if (v := _choose(book, name, spec))}
    subjects = {tested.subject for tested in book.sets} | {rule.subject for rule in book.rules}
    answers = []
    for subject in sorted(subjects & chosen.keys()):
        results: dict[str, SetResult] = {}
        for tested in book.sets if sets else ():
            if tested.subject == subject and _is_same(tested, chosen):
                results |= {
                    p: r for p, r in tested.results.items() if python is None or p == python
                }
        versions = _with_defaults(book, subject, chosen)
        rules = tuple(
            rule
            for rule in book.rules
            if rule.subject == subject and rule.matches(versions, python, chosen)
        )
        answers.append(
            SubjectAnswer(subject=subject, version=chosen[subject], results=results, rules=rules)
        )
    return tuple(answers)


def _exact_pin(spec: SpecifierSet) -> str | None:
    """Return the version that a specifier pins; None if it allows several."""
    for specifier in spec:
        is_exact = specifier.operator in ("==", "===")
        if is_exact and not specifier.version.endswith(".*"):
            return specifier.version
    return None


def _choose(book: RuleBook, name: str, spec: SpecifierSet) -> str | None:
    """Return the version that an installer takes today: the newest final one that is allowed."""
    if pinned := _exact_pin(spec):
        return pinned
    allowed = [v for v in book.versions.get(name, ()) if spec.contains(v)]
    finals = [version for version in allowed if not parse_version(version).is_prerelease]
    return next(reversed(finals or allowed), None)


def _is_same(tested: TestedSet, chosen: Mapping[str, str]) -> bool:
    """Return whether an install gives a tested set, as far as the set goes.

    What is pinned must be pinned to its versions; what an unpinned install has in another version
    must be asked for.
    """
    for name, version in tested.lock.pins:
        asked = chosen.get(name)
        if asked is None:
            if name in tested.pins:
                return False
        elif parse_version(asked) != parse_version(version):
            return False
    return True


def _with_defaults(book: RuleBook, subject: str, chosen: Mapping[str, str]) -> Mapping[str, str]:
    """Return the chosen versions, and those of a fresh install for what the subject needs beside.

    They are the lowest that the fresh install of a named package has: it may be capped there.
    """
    fresh = [tested.lock for tested in book.sets if not tested.pins and tested.subject in chosen]
    own = {
        name for tested in book.sets if tested.subject == subject for name, _ in tested.lock.pins
    }
    lowest: dict[str, str] = {}
    for lock in fresh:
        for name, version in lock.pins:
            lowest[name] = min(lowest.get(name, version), version, key=parse_version)
    needed = {name: newest[-1] for name in own if (newest := book.versions.get(name))}
    return needed | {name: lowest[name] for name in own & lowest.keys()} | dict(chosen)
