"""Scores the watchdog against known breakages: `nox -s truth`.

For each real breakage in tests/support/known.jsonl, the days around its beginning are replayed, and
the result is compared with the facts: found or missed, the culprit, the minute, and what else was
reported in those days. Each entry of the file was verified by running it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchdog.analysis.history import replay
from watchdog.analysis.history.replay import AUTO
from watchdog.cli.console import observe, say, stderr_console
from watchdog.matrix import load as matrix_file
from watchdog.model.history import History, PastBreakage
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace

ROOT = Path(__file__).parent.parent
FACTS = ROOT / "tests" / "support" / "known.jsonl"
AROUND = timedelta(days=8)
AROUND_A_PYTHON = timedelta(days=60)
"""Wheels for a new Python are uploaded over weeks; before that most cells cannot be judged."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Score:
    """The result for one fact.

    Attributes:
        fact: the entry of known.jsonl.
        found: the reported breakage that corresponds to the fact, if any.
        others: what else was reported in those days.
        gaps: why some of those days could not be judged.
    """

    fact: Mapping[str, Any]
    found: PastBreakage | None
    others: tuple[PastBreakage, ...]
    gaps: tuple[str, ...]

    @property
    def culprit_right(self) -> bool:
        """Return true if the breakage was found with the right culprit."""
        culprit = self.found.culprit if self.found else None
        expected = (self.fact["culprit"], self.fact["culprit_version"])
        return culprit is not None and (culprit.name, culprit.version) == expected

    @property
    def minute_right(self) -> bool:
        """Return true if the breakage was found with the right beginning, to the minute."""
        if self.found is None:
            return False
        return abs(self.found.broken_from - begin_of(self.fact)) <= _MINUTE


def begin_of(fact: Mapping[str, Any]) -> datetime:
    """Return the instant at which a known breakage began."""
    return datetime.fromisoformat(fact["broken_from"])


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """Read the known breakages from a JSON Lines file."""
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def score_fact(fact: Mapping[str, Any], history: History) -> Score:
    """Find the breakage in a history that corresponds to a fact."""
    near = [b for b in history.breakages if abs(b.broken_from - begin_of(fact)) <= AROUND]
    expected = (fact["culprit"], fact["culprit_version"])

    def difference(b: PastBreakage) -> tuple[bool, bool, timedelta]:
        culprit = (b.culprit.name, b.culprit.version) if b.culprit else None
        distance = abs(b.broken_from - begin_of(fact))
        return (culprit != expected, b.missing != fact["missing"], distance)

    best = min(near, key=difference, default=None)
    if best is not None and difference(best)[:2] == (True, True):
        best = None
    others = tuple(b for b in history.breakages if b is not best)
    return Score(fact, best, others, tuple(dict.fromkeys(reason for _, _, reason in history.gaps)))


def replay_around(
    workspace: Workspace, fact: Mapping[str, Any], observer: scheduler.Observer
) -> History:
    """Replay the days around a fact, on its Python.

    Around the release of a Python, replay on that Python and the one before it.
    """
    at, python = begin_of(fact), fact["python"]
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
        lambda s: replay.replay(
            s, subject, requirements, since=at - AROUND, until=until, python=python
        ),
    )


def main() -> None:
    """Score every fact and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="entries whose id begins with this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--reports", type=Path, default=ROOT / ".nox" / "truth")
    parser.add_argument("--into", type=Path, help="write the score as JSON")
    arguments = parser.parse_args()
    matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
    settings = Settings(matrix, datetime.now(UTC), arguments.reports, arguments.jobs)
    scores = []
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, matrix) as observer:
        for fact in read_facts(FACTS):
            if arguments.only and not fact["id"].startswith(arguments.only):
                continue
            score = score_fact(fact, replay_around(workspace, fact, observer))
            scores.append(score)
            say(console, score_line(score))
    summary = summarize(scores, {matrix.framework, *matrix.extensions})
    print_results(summary, scores)
    if arguments.into:
        arguments.into.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")


def print_results(summary: Mapping[str, str], scores: Sequence[Score]) -> None:
    """Print the summary, the scores that are not perfect, and other breakages."""
    for name, value in summary.items():
        print(f"{name:<40} {value}")
    for score in scores:
        if score.found is None or not score.culprit_right or not score.minute_right:
            print(score_line(score))
    for score in scores:
        for other in score.others:
            print(f"also reported around {score.fact['id']}: {other.id}: {other.symptom[:100]}")


def score_line(score: Score) -> str:
    """Return the result for one fact as a line of text."""
    breakage = score.found
    if breakage is None:
        why = f"; could not be judged: {score.gaps[0][:120]}" if score.gaps else ""
        special = f" ({score.fact['special']})" if score.fact["special"] else ""
        return f"MISSED  {score.fact['id']}{special}{why}"
    culprit = "no culprit"
    if breakage.culprit:
        culprit = f"{breakage.culprit.name} {breakage.culprit.version}"
    marks = ("culprit" if score.culprit_right else "CULPRIT WRONG") + ", "
    marks += "minute" if score.minute_right else f"DATE {breakage.broken_from:%Y-%m-%d %H:%M:%S}"
    return f"found   {score.fact['id']}: {culprit} ({breakage.proof}); {marks}"


def summarize(scores: Sequence[Score], subjects: Collection[str]) -> dict[str, str]:
    """Return the figures of the score as words and numbers.

    Args:
        scores: the results of all facts.
        subjects: names of the packages in the matrix.
    """
    inside = [s for s in scores if s.fact["extension"] in subjects]
    outside = [s for s in scores if s.fact["extension"] not in subjects]
    found = [s for s in scores if s.found]
    return {
        "found, of those in the matrix": _share([s for s in inside if s.found], inside),
        "found, of the others": _share([s for s in outside if s.found], outside),
        "culprit right, of those found": _share([s for s in found if s.culprit_right], found),
        "begun within a minute, of those found": _share(
            [s for s in found if s.minute_right], found
        ),
        "other breakages reported in those days": str(sum(len(s.others) for s in scores)),
    }


def _share(part: Sequence[Score], whole: Sequence[Score]) -> str:
    """Return "3 of 4 (75%)"."""
    percent = f" ({100 * len(part) / len(whole):.0f}%)" if whole else ""
    return f"{len(part)} of {len(whole)}{percent}"


if __name__ == "__main__":
    main()
