"""Looks requirements up in the rule book: which of them are known to fail, and on which Python.

`report/static/paste-answers.js` does the same in a browser; a test asks both the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from watchdog.facts.rules import Rule, RuleBook, SetResult, TestedSet, parse_version
from watchdog.facts.today import version_key
from watchdog.model.lock import Lock

Requests = Mapping[str, SpecifierSet]
"""What is asked for: a set of version specifiers by canonical name of the package."""


@dataclass(frozen=True, kw_only=True)
class SubjectAnswer:
    """What is known of one package of some requirements.

    Attributes:
        version: the one that is pinned, or that an installer takes today.
        results: of the same set, if it was run, by Python.
        rules: known breakages that the requirements have.
        newer_rules: known breakages that they have on the newest Python, and not on all.
    """

    subject: str
    version: str
    results: Mapping[str, SetResult]
    rules: tuple[Rule, ...]
    newer_rules: tuple[Rule, ...] = ()

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
        """True if it fails on some Pythons only."""
        if self.results:
            return bool(self.works_on and self.fails_on)
        return bool(self.newer_rules and not self.rules)

    @property
    def known(self) -> bool:
        """True if anything is known of it with these requirements."""
        return bool(self.results or self.rules or self.newer_rules)


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
    chosen = {name: v for name, spec in requests.items() if (v := choose(book, name, spec))}
    fresh = _fresh_locks(book, chosen, python)
    answers = []
    for subject in sorted(book.subjects & chosen.keys()):
        results: dict[str, SetResult] = {}
        for tested in book.sets_of.get(subject, ()) if sets else ():
            if _is_same(tested, requests, chosen):
                results |= {
                    p: r for p, r in tested.results.items() if python is None or p == python
                }
        versions = _expected_versions(book, subject, requests, chosen, fresh)
        of_subject = book.rules_of.get(subject, ())
        rules = tuple(r for r in of_subject if r.matches(versions, python, requests))
        newest = book.pythons[-1] if book.pythons and python is None else python
        newer = (r for r in of_subject if r not in rules and r.matches(versions, newest, requests))
        answers.append(
            SubjectAnswer(
                subject=subject,
                version=_lowered(versions[subject], chosen[subject], python),
                results=results,
                rules=rules,
                newer_rules=tuple(newer),
            )
        )
    return tuple(answers)


def _lowered(expected: str, newest: str, python: str | None) -> str:
    """Return the version to name: on one Python that of its fresh installs, else the newest."""
    return newest if python is None else expected


def exact_pin(spec: SpecifierSet) -> str | None:
    """Return the version that a specifier pins; None if it allows several."""
    for specifier in _in_order(spec):
        is_exact = specifier.operator in ("==", "===")
        if is_exact and not specifier.version.endswith(".*"):
            return specifier.version
    return None


def _in_order(spec: SpecifierSet) -> list[Specifier]:
    """Return the parts of a specifier, always in the same order."""
    return sorted(spec, key=str)


def choose(book: RuleBook, name: str, spec: SpecifierSet) -> str | None:
    """Return the version that an installer takes today: the newest final one that is allowed.

    A prerelease is taken if the specifier names one, or if nothing else is allowed. None if nothing
    that is known is allowed.
    """
    if pinned := exact_pin(spec):
        return pinned if _is_version(pinned) and allows(spec, pinned) else None
    allowed = [v for v in book.versions.get(name, ()) if allows(spec, v)]
    if not _names_prerelease(spec):
        allowed = [v for v in allowed if not parse_version(v).is_prerelease] or allowed
    return allowed[-1] if allowed else None


def allows(spec: SpecifierSet, version: str) -> bool:
    """Return whether a specifier allows a version; prereleases are treated as all others."""
    return spec.contains(version, prereleases=True)


def _names_prerelease(spec: SpecifierSet) -> bool:
    return any(
        specifier.operator != "!="
        and not specifier.version.endswith(".*")
        and _is_version(specifier.version)
        and parse_version(specifier.version).is_prerelease
        for specifier in spec
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_same(tested: TestedSet, requests: Requests, chosen: Mapping[str, str]) -> bool:
    """Return whether an install gives a tested set, as far as the set goes.

    What an unpinned install has in another version must be asked for. What it has in the same
    version may be asked for by a range that allows it.
    """
    for name, version in tested.lock.pins:
        spec = requests.get(name)
        if spec is None:
            if name in tested.pins:
                return False
        elif exact_pin(spec) is None and name not in tested.pins:
            if not allows(spec, version):
                return False
        elif name not in chosen or parse_version(chosen[name]) != parse_version(version):
            return False
    return True


def _fresh_locks(book: RuleBook, chosen: Mapping[str, str], python: str | None) -> tuple[Lock, ...]:
    """Return what fresh installs of the named packages gave, on the Python that is looked at."""
    return tuple(
        tested.lock
        for subject in chosen
        for tested in book.sets_of.get(subject, ())
        if not tested.pins and (python is None or python in tested.results)
    )


def _expected_versions(
    book: RuleBook,
    subject: str,
    requests: Requests,
    chosen: Mapping[str, str],
    fresh: tuple[Lock, ...],
) -> Mapping[str, str]:
    """Return the version of each package that a subject's rules may be about.

    What is pinned has its version. Everything else has the lowest one that the fresh installs of
    the named packages have and that is allowed: one of them may cap it there.
    """
    own = book.packages_of[subject]
    versions = {name: newest[-1] for name in own if (newest := book.versions.get(name))}
    lowest: dict[str, str] = {}
    for lock in fresh:
        for name, version in lock.pins:
            if name not in requests or allows(requests[name], version):
                lowest[name] = min(lowest.get(name, version), version, key=parse_version)
    versions |= {name: lowest[name] for name in own & lowest.keys()}
    for name, spec in requests.items():
        if name not in chosen:
            versions.pop(name, None)
        elif exact_pin(spec) is None and name in lowest:
            versions[name] = min(lowest[name], chosen[name], key=parse_version)
        else:
            versions[name] = chosen[name]
    return versions
