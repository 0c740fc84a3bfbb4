"""The watchdog's own score: `nox -s truth`.

For each real breakage in tests/support/known.jsonl the days around its beginning are replayed, and
what the watchdog says is compared with the facts: found or not, the culprit, the minute, and what
else it reported in those days. Each entry of the file was verified by running it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchdog.analysis.history import replay as replaying
from watchdog.analysis.history.replay import AUTO
from watchdog.cli.console import observe, say, stderr_console
from watchdog.matrix import load as matrix_file
from watchdog.model.history import History, PastBreakage
from watchdog.model.release import PYTHON_RELEASES
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace

ROOT = Path(__file__).parent.parent
FACTS = ROOT / "tests" / "support" / "known.jsonl"
AROUND = timedelta(days=8)
AROUND_A_PYTHON = timedelta(days=60)
"""Wheels for a new Python arrive over weeks; until then little can be judged on it."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Score:
    """How one fact was told.

    Attributes:
        found: the breakage that is meant, if any was reported.
        others: what else was reported in those days.
    """

    fact: Mapping[str, Any]
    found: PastBreakage | None
    others: tuple[PastBreakage, ...]
    gaps: tuple[str, ...]

    @property
    def culprit_right(self) -> bool:
        who = self.found.culprit if self.found else None
        meant = (self.fact["culprit"], self.fact["culprit_version"])
        return who is not None and (who.name, who.version) == meant

    @property
    def minute_right(self) -> bool:
        if self.found is None:
            return False
        return abs(self.found.broken_from - begun(self.fact)) <= _MINUTE


def begun(fact: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(fact["broken_from"])


def facts(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def judge(fact: Mapping[str, Any], history: History) -> Score:
    """Which of the reported breakages is the one that is meant."""
    near = [b for b in history.breakages if abs(b.broken_from - begun(fact)) <= AROUND]
    culprit = (fact["culprit"], fact["culprit_version"])
    missing = fact["missing"]

    def likeness(b: PastBreakage) -> tuple[bool, bool, timedelta]:
        who = (b.culprit.name, b.culprit.version) if b.culprit else None
        return (who != culprit, b.missing != missing, abs(b.broken_from - begun(fact)))

    best = min(near, key=likeness, default=None)
    if best is not None and likeness(best)[:2] == (True, True):
        best = None
    others = tuple(b for b in history.breakages if b is not best)
    return Score(fact, best, others, tuple(dict.fromkeys(reason for _, _, reason in history.gaps)))


def replay(workspace: Workspace, fact: Mapping[str, Any], observer: scheduler.Observer) -> History:
    """The days around one fact, on its Python; around a Python's release on the Pythons of both."""
    at, python = begun(fact), fact["python"]
    matrix = workspace.settings.matrix
    subject = fact["extension"]
    requirements = tuple(fact["requirements"])
    if requirements == (subject,) and subject in matrix.extensions:
        requirements = matrix.requirements(subject)
    if fact["culprit"] == "python" and PYTHON_RELEASES[python] == at.date():
        python = AUTO
    workspace.start_services([subject])
    after = AROUND_A_PYTHON if python == AUTO else AROUND
    until = min(at + after, workspace.settings.as_of)
    return scheduler.run_with_scheduler(
        workspace,
        observer,
        lambda d: replaying.replay(
            d, subject, requirements, since=at - AROUND, until=until, python=python
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="entries whose id begins with this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--reports", type=Path, default=ROOT / ".nox" / "truth")
    parser.add_argument("--into", type=Path, help="write the score as JSON")
    given = parser.parse_args()
    matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
    settings = Settings(matrix, datetime.now(UTC), given.reports, given.jobs)
    scores = []
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, matrix) as observer:
        for fact in facts(FACTS):
            if given.only and not fact["id"].startswith(given.only):
                continue
            score = judge(fact, replay(workspace, fact, observer))
            scores.append(score)
            say(console, line(score))
    told = summary(scores, {matrix.framework, *matrix.extensions})
    for name, value in told.items():
        print(f"{name:<40} {value}")
    for score in scores:
        if score.found is None or not score.culprit_right or not score.minute_right:
            print(line(score))
    for score in scores:
        for other in score.others:
            print(f"also reported around {score.fact['id']}: {other.id}: {other.symptom[:100]}")
    if given.into:
        given.into.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def line(score: Score) -> str:
    found = score.found
    if found is None:
        why = f"; could not be judged: {score.gaps[0][:120]}" if score.gaps else ""
        special = f" ({score.fact['special']})" if score.fact["special"] else ""
        return f"MISSED  {score.fact['id']}{special}{why}"
    who = f"{found.culprit.name} {found.culprit.version}" if found.culprit else "nobody"
    marks = ("culprit" if score.culprit_right else "CULPRIT WRONG") + ", "
    marks += "minute" if score.minute_right else f"DATE {found.broken_from:%Y-%m-%d %H:%M:%S}"
    return f"found   {score.fact['id']}: {who} ({found.proof}); {marks}"


def summary(scores: list[Score], known: set[str]) -> dict[str, str]:
    def share(part: list[Score], whole: list[Score]) -> str:
        return f"{len(part)} of {len(whole)}" + (
            f" ({100 * len(part) / len(whole):.0f}%)" if whole else ""
        )

    inside = [s for s in scores if s.fact["extension"] in known]
    outside = [s for s in scores if s not in inside]
    found = [s for s in scores if s.found]
    return {
        "found, of those in the matrix": share([s for s in inside if s.found], inside),
        "found, of the others": share([s for s in outside if s.found], outside),
        "culprit right, of those found": share([s for s in found if s.culprit_right], found),
        "begun within a minute, of those found": share([s for s in found if s.minute_right], found),
        "other breakages reported in those days": str(sum(len(s.others) for s in scores)),
    }


if __name__ == "__main__":
    main()
