"""The long tail as plain values: its counts, its lines, and a page for each package. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.facts.evidence_level import EvidenceLevel
from watchdog.facts.facts import Facts
from watchdog.facts.titles import title_of
from watchdog.facts.today import PythonStatus, SubjectStatus
from watchdog.matrix.schema import Matrix
from watchdog.model.release import how_to_install_python
from watchdog.model.verdict import State, Verdict
from watchdog.model.words import counted
from watchdog.report.views import wording
from watchdog.report.views.breakages import released_sentence
from watchdog.report.views.front import SubjectLine, line_of_status
from watchdog.report.views.subject import EvidenceView, evidence_of_verdict, failures_with_uv
from watchdog.report.views.tables import TableView, cell_view, table_view

LEVELS: Mapping[EvidenceLevel, tuple[str, str]] = {
    EvidenceLevel.EXAMPLE: (
        "An example of its documentation ran",
        ": an example of its documentation ran",
    ),
    EvidenceLevel.ATTACHED: (
        "It was attached to an application, which answered a request",
        " was attached to an application, which answered a request",
    ),
    EvidenceLevel.IMPORTS: ("It can be imported; more was not shown", " can be imported"),
    EvidenceLevel.READS: (
        "Nothing of it that was run passed",
        ": nothing of it that was run passed",
    ),
    EvidenceLevel.SMOKE: ("Its own test passes", " passes its own test"),
}
"""What each level says of a package: as a heading, and after its name."""


@dataclass(frozen=True, kw_only=True)
class TailLine:
    """A package of the long tail in a list.

    Attributes:
        line: its state, as in the list of all subjects.
        rank: by downloads, 1 for the most downloaded package of the index; None if not known.
        python: the newest Python that was judged; None if none was.
        released: when its newest release was uploaded, UTC; None if no run has read it.
        error: what a user sees first, where it fails; else empty.
        reason: why it could not be judged; else empty.
    """

    line: SubjectLine
    rank: int | None
    python: str | None
    released: datetime | None
    error: str
    reason: str

    @property
    def subject(self) -> str:
        """Its name."""
        return self.line.subject


@dataclass(frozen=True, kw_only=True)
class TailGroup:
    """Packages of which the same is known, the most used first."""

    title: str
    lines: tuple[TailLine, ...]


@dataclass(frozen=True, kw_only=True)
class TailPage:
    """The page of a package of the long tail.

    Attributes:
        sentence: what a fresh install of today gives.
        level: how much that shows, in words; empty if nothing passed.
        beside: what was typed beside its name.
    """

    line: TailLine
    sentence: str
    level: str
    released: str
    beside: str
    tables: tuple[TableView, ...]
    evidence: tuple[EvidenceView, ...]

    @property
    def subject(self) -> str:
        """Its name."""
        return self.line.subject

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return self.line.line.title


@dataclass(frozen=True, kw_only=True)
class TailView:
    """The long tail of a run.

    Attributes:
        lines: all its packages, the most used first.
        levels: those that pass, by how much that shows, the strongest first.
        broken: those that fail.
        unjudged: those that could not be judged, by the reason, the most frequent first.
        dropped: names of the list that nobody can install, each with its reason.
        pages: in the order of the lines.
    """

    lines: tuple[TailLine, ...]
    levels: tuple[TailGroup, ...]
    broken: TailGroup
    unjudged: tuple[TailGroup, ...]
    dropped: tuple[tuple[str, str], ...]
    pythons: tuple[str, ...]
    pages: tuple[TailPage, ...]

    @property
    def summary(self) -> str:
        """Return how many there are at each level of evidence, broken and not judged."""
        counts = {_level_of(group).value: len(group.lines) for group in self.levels}
        counts |= {
            "broken": len(self.broken.lines),
            "not judged": sum(len(group.lines) for group in self.unjudged),
        }
        told = "; ".join(f"{words}: {count}" for words, count in counts.items() if count)
        told = told[:1].upper() + told[1:]
        return f"{counted(len(self.lines), 'more package')} without a test of their own. {told}."


def _level_of(group: TailGroup) -> EvidenceLevel:
    return group.lines[0].line.level or EvidenceLevel.SMOKE


def tail_view(
    matrix: Matrix, facts: Facts, verdicts: Iterable[Verdict], options: Sequence[str] = ()
) -> TailView | None:
    """Return the long tail; None if the run has no cell of it.

    Args:
        matrix: gives titles and the order.
        facts: what is true now.
        verdicts: of the cells of the table `tail`.
        options: those by which a smoke of the run is run again.
    """
    if not facts.tail:
        return None
    by_subject: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_subject[verdict.cell.subject].append(verdict)
    places = {name: place for place, name in enumerate(matrix.tail)}
    in_order = sorted(facts.tail.values(), key=lambda s: (places.get(s.subject, 10**6), s.subject))
    lines = {status.subject: _line(matrix, status) for status in in_order}
    passed = [line for line in lines.values() if line.line.works]
    unjudged = [line for line in lines.values() if line.line.works is None]
    return TailView(
        lines=tuple(lines.values()),
        levels=tuple(
            TailGroup(title=LEVELS[level][0], lines=own)
            for level in EvidenceLevel
            if (own := tuple(line for line in passed if line.line.level is level))
        ),
        broken=TailGroup(
            title="It fails", lines=tuple(n for n in lines.values() if n.line.works is False)
        ),
        unjudged=_by_reason(matrix, unjudged),
        dropped=tuple((p.title, p.dropped or "") for p in matrix.tail_dropped),
        pythons=tuple(sorted({p.python for s in in_order for p in s.pythons}, key=wording.series)),
        pages=tuple(
            _page(matrix, facts.tail[subject], line, by_subject[subject], options)
            for subject, line in lines.items()
        ),
    )


def _line(matrix: Matrix, status: SubjectStatus) -> TailLine:
    newest, subject = status.newest, status.subject
    rank = matrix.download_rank(subject)
    return TailLine(
        line=line_of_status(matrix, subject, status),
        rank=int(rank) if rank < float("inf") else None,
        python=newest.python if newest else None,
        released=status.released[1] if status.released else None,
        error=_error(newest) if newest and not newest.works else "",
        reason="" if newest else _reason(status),
    )


def _error(status: PythonStatus) -> str:
    return title_of(status.symptom or "", stage=status.stage, log=status.log)


def _reason(status: SubjectStatus) -> str:
    """Return why a package was not judged on the newest Python that is on the machine."""
    here = [p for p in status.pythons if p.reason != how_to_install_python(p.python)]
    newest = (here or status.pythons)[-1]
    if newest.state is State.CONFLICT:
        return f"no set of versions can be installed: {newest.reason}"
    if newest.state is State.FLAKY:
        return f"it failed and it passed with the same versions: {newest.symptom}"
    return newest.reason or "no reason was given"


def _by_reason(matrix: Matrix, lines: Iterable[TailLine]) -> tuple[TailGroup, ...]:
    groups: dict[str, list[TailLine]] = defaultdict(list)
    for line in lines:
        groups[_kind_of_reason(matrix, line)].append(line)
    largest_first = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(TailGroup(title=title, lines=tuple(own)) for title, own in largest_first)


_DETAILS = re.compile(r"[:;(].*", re.DOTALL)


def _kind_of_reason(matrix: Matrix, line: TailLine) -> str:
    """Return what the reasons of several packages have in common: without names and details."""
    names = "|".join(re.escape(n) for n in (line.subject, matrix.title(line.subject)))
    text = re.sub(rf"(?<![\w.-])({names})( \d[\w.]*)?", "it", line.reason)
    return re.sub(r"(?<![\w.])\d[\w.]*", "N", _DETAILS.sub("", text)).strip()


def _page(
    matrix: Matrix,
    status: SubjectStatus,
    line: TailLine,
    verdicts: Sequence[Verdict],
    options: Sequence[str],
) -> TailPage:
    items = {
        ("today", f"Python {v.cell.python}"): cell_view(matrix, v, page=True) for v in verdicts
    }
    newest_first = sorted(verdicts, key=lambda v: wording.series(v.cell.python), reverse=True)
    views = [evidence_of_verdict(matrix, v, options) for v in newest_first if v.record]
    beside = matrix.requires(status.subject)
    return TailPage(
        line=line,
        sentence=tail_sentence(status, line),
        level=line.line.level.value if line.line.level else "",
        released=released_sentence(status),
        beside=f"Installed together with {wording.join_words(beside)}, which its metadata does not "
        "require."
        if beside
        else "",
        tables=(table_view("A fresh install today", items),) if items else (),
        evidence=tuple({view.anchor: view for view in views}.values()),
    )


def tail_sentence(status: SubjectStatus, line: TailLine) -> str:
    """Return what a fresh install of a package gives, and how little that may be."""
    newest, title = status.newest, line.line.title
    if newest is None:
        return f"{title} could not be judged on a fresh install today: {line.reason.rstrip('.')}."
    name = f"{title} {newest.version}" if newest.version else title
    if not newest.works:
        return f"{name} {status.word} on a fresh install today: {line.error.rstrip('.')}."
    words = LEVELS[newest.level or EvidenceLevel.READS][1]
    where = wording.join_words(status.working)
    text = f"{name}{words}, on a fresh install today, on Python {where}."
    if status.failing:
        failing = wording.join_words([s.python for s in status.failing])
        text += f" It fails on Python {failing}."
    return text + failures_with_uv(status)
