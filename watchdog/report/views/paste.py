"""The rule book for the box in which people paste their requirements, as compact data. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watchdog.facts.rules import (
    Advice,
    Rule,
    RuleBook,
    SetResult,
    TestedSet,
    parse_version,
)
from watchdog.model.lock import Lock, package_name

_SYMPTOM = 200
"""Characters of a symptom that are shipped."""


def paste_script(book: RuleBook) -> str:
    """Return a script that holds the rule book.

    It is a script because a page opened from disk may load scripts but fetch nothing.
    """
    text = json.dumps(paste_data(book), ensure_ascii=False, separators=(",", ":"))
    # `</script>` in a text would do no harm in a file of its own; < is escaped all the same.
    return "window.WATCHDOG=" + text.replace("<", "\\u003c") + ";\n"


def paste_data(book: RuleBook) -> dict[str, Any]:
    """Return the rule book with locks, results and advice as indexes into tables.

    The keys are read by `static/paste-answers.js`.
    """
    tables = _Tables()
    sets = [_set_row(tables, tested) for tested in book.sets]
    rules = [_rule_row(tables, rule) for rule in book.rules]
    cures = {
        subject: [tables.of_advice(advice) for advice in own] for subject, own in book.cures.items()
    }
    return {
        "as_of": _day(book.as_of),
        "framework": book.framework,
        "pythons": list(book.pythons),
        "titles": {name: title for name, title in book.titles.items() if name != title},
        "requires": {n: list(r) for n, r in book.requires.items() if r != (n,)},
        "versions": {name: " ".join(v) for name, v in versions_that_matter(book).items()},
        "pins": tables.pins.values,
        "locks": tables.locks.values,
        "results": tables.results.values,
        "advice": tables.advice.values,
        "sets": sets,
        "rules": rules,
        "cures": cures,
    }


@dataclass
class _Table:
    """Values that are named by their index; each is kept once."""

    values: list[Any] = field(default_factory=list)
    _indexes: dict[str, int] = field(default_factory=dict)

    def index(self, value: object) -> int:
        """Return the index of a value; a new one is added."""
        key = json.dumps(value)
        if key not in self._indexes:
            self._indexes[key] = len(self.values)
            self.values.append(value)
        return self._indexes[key]


@dataclass
class _Tables:
    """The tables that rows refer to."""

    pins: _Table = field(default_factory=_Table)
    locks: _Table = field(default_factory=_Table)
    results: _Table = field(default_factory=_Table)
    advice: _Table = field(default_factory=_Table)

    def of_lock(self, lock: Lock) -> int:
        """Return the index of a lock."""
        return self.locks.index([self.pins.index(f"{n}=={v}") for n, v in lock.pins])

    def of_result(self, result: SetResult) -> int:
        """Return the index of a result."""
        symptom = "" if result.works else result.symptom[:_SYMPTOM]
        return self.results.index([int(result.works), result.words, symptom])

    def of_advice(self, advice: Advice) -> int:
        """Return the index of advice; its lock is -1 if it was not kept."""
        lock = self.of_lock(advice.lock) if advice.lock else -1
        return self.advice.index([list(advice.typed), advice.python, lock, _day(advice.checked)])


def _set_row(tables: _Tables, tested: TestedSet) -> list[Any]:
    """Return subject, lock, the places in the lock of what must be pinned, results by Python."""
    places = [place for place, (name, _) in enumerate(tested.lock.pins) if name in tested.pins]
    results = {python: tables.of_result(result) for python, result in tested.results.items()}
    return [tested.subject, tables.of_lock(tested.lock), places, results]


def _rule_row(tables: _Tables, rule: Rule) -> dict[str, Any]:
    row = {
        "subject": rule.subject,
        "conditions": [[c.package, c.low, c.below, c.through] for c in rule.conditions],
        "absent": list(rule.absent),
        "python": rule.since_python,
        "words": rule.words,
        "symptom": rule.symptom[:_SYMPTOM],
        "page": rule.page,
        "seen": [_day(instant) for instant in rule.seen],
        "again": _day(rule.again) if rule.again else None,
        "fixed": list(rule.fixed_by) if rule.fixed_by else None,
        "advice": [tables.of_advice(advice) for advice in rule.advice],
    }
    return {key: value for key, value in row.items() if value not in (None, [])}


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"


def versions_that_matter(book: RuleBook) -> Mapping[str, tuple[str, ...]]:
    """Return the versions without which an answer would be another one.

    All versions of subjects count, and of packages that advice without a lock is about. Of the
    other packages in rules and locks those count that are not older than all that rules and locks
    name: older ones are in none of them.
    """
    whole = book.subjects | {
        package_name(typed)
        for rule in book.rules
        for advice in rule.advice
        if advice.lock is None
        for typed in advice.typed
    }
    oldest: dict[str, str] = {}
    for name, version in _named_versions(book):
        oldest[name] = min(oldest.get(name, version), version, key=parse_version)
    matter: dict[str, tuple[str, ...]] = {}
    for name, versions in sorted(book.versions.items()):
        if name in whole:
            matter[name] = versions
        elif name in oldest:
            low = parse_version(oldest[name])
            matter[name] = tuple(v for v in versions if parse_version(v) >= low)
    return matter


def _named_versions(book: RuleBook) -> Iterable[tuple[str, str]]:
    """Yield package and version of each lock and of each bound of a rule."""
    for rule in book.rules:
        for condition in rule.conditions:
            for bound in (condition.low, condition.below, condition.through):
                if bound is not None:
                    yield condition.package, bound
    for tested in book.sets:
        yield from tested.lock.pins
    for advice in (a for own in book.cures.values() for a in own):
        if advice.lock:
            yield from advice.lock.pins
