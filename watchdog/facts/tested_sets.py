"""The sets of versions that the latest run tried, each with its results by Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from watchdog.facts.rules import SetResult, TestedSet, parse_version
from watchdog.facts.severity import count_uses, describe
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.lock import Lock
from watchdog.model.verdict import State, Verdict


def tested_sets(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterator[TestedSet]:
    """Yield the sets of the latest run, each with its results by Python."""
    newest = _newest_by_python(verdicts)
    results: dict[tuple[str, Lock, frozenset[str]], dict[str, SetResult]] = defaultdict(dict)
    for verdict in verdicts:
        record = verdict.record
        if record is None or verdict.state not in (State.WORKS, State.BROKEN):
            continue
        if not matrix.is_package(record.subject):
            continue
        python, counts = verdict.cell.python, count_uses(record)
        lock = Lock.of(record.lock)
        pins = frozenset(
            name
            for name, version in lock.pins
            if version not in newest[python].get((record.subject, name), set())
            and version not in newest[python].get(("", name), set())
        )
        results[record.subject, lock, pins][python] = SetResult(
            works=verdict.state is State.WORKS,
            words=describe(counts, name_uses=False) if counts else "fails",
            symptom=verdict.symptom or "",
            record=record.fingerprint,
        )
    for (subject, lock, pins), by_python in sorted(results.items(), key=_fresh_sets_first):
        yield TestedSet(subject=subject, lock=lock, pins=pins, results=by_python)


def _fresh_sets_first(
    item: tuple[tuple[str, Lock, frozenset[str]], object],
) -> tuple[str, bool, tuple[tuple[str, str], ...], list[str]]:
    """Return the sort key of a set: its subject, whether it needs pins, its lock."""
    subject, lock, pins = item[0]
    return subject, bool(pins), lock.pins, sorted(pins)


def _newest_by_python(
    verdicts: Iterable[Verdict],
) -> Mapping[str, Mapping[tuple[str, str], set[str]]]:
    """Return by Python what an unpinned install takes of each package.

    By subject and package: the version in the fresh install of the subject; under the subject ""
    the newest of all fresh installs.
    """
    newest: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(dict)
    for verdict in verdicts:
        is_fresh = verdict.cell.table is Table.TODAY or verdict.cell.foundation == "resolved"
        if verdict.record is None or not is_fresh:
            continue
        by_package = newest[verdict.cell.python]
        for name, version in verdict.record.lock.items():
            if verdict.cell.table is Table.TODAY:
                by_package.setdefault((verdict.record.subject, name), set()).add(version)
            known = by_package.get(("", name), set())
            by_package["", name] = {max({version, *known}, key=parse_version)}
    return newest
