"""How often a second opinion, made with venv and pip alone, agrees: for the front page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.report.views.wording import share
from watchdog.storage.second_opinions import Agreement, SecondOpinion, Statement


@dataclass(frozen=True, kw_only=True)
class DisagreementView:
    """A cell on which the two disagree, or that cannot be compared.

    Attributes:
        link: the evidence, where the page still has it.
        again: what the watchdog gave when it ran the cell a second time.
    """

    cell: str
    link: str | None
    asked: datetime
    ours: str
    theirs: str
    again: str | None


@dataclass(frozen=True, kw_only=True)
class SecondOpinionsView:
    """Second opinions on the front page; `numbers` are words with a share."""

    since: datetime
    last: datetime
    numbers: tuple[tuple[str, str], ...]
    disagreements: tuple[DisagreementView, ...]
    unclear: tuple[DisagreementView, ...]


def second_opinions_view(
    opinions: Sequence[SecondOpinion], subjects: Collection[str], evidence: Collection[str]
) -> SecondOpinionsView | None:
    """Return the summary of all second opinions; None where there are none.

    Args:
        opinions: all that were ever given, oldest first.
        subjects: those that have a page.
        evidence: fingerprints of the records on these pages.
    """
    if not opinions:
        return None
    latest_first = list(reversed(opinions))
    cells = [opinion for opinion in opinions if opinion.statement is Statement.CELL]
    sets = [opinion for opinion in opinions if opinion.statement is not Statement.CELL]
    disagreements = [opinion for opinion in latest_first if opinion.disagrees]
    unclear = [opinion for opinion in latest_first if opinion.finding is Agreement.UNCLEAR]
    return SecondOpinionsView(
        since=min(opinion.asked for opinion in opinions),
        last=max(opinion.asked for opinion in opinions),
        numbers=(*_numbers(tally(cells)), *_held(sets)),
        disagreements=tuple(_disagreement(o, subjects, evidence) for o in disagreements),
        unclear=tuple(_disagreement(o, subjects, evidence) for o in unclear),
    )


def _numbers(counts: Tally) -> tuple[tuple[str, str], ...]:
    broken = counts.both_broken + counts.false_alarms
    missed = share(counts.missed, counts.compared - broken)
    return (
        (
            "same outcome, of those that can be compared",
            share(counts.agree, counts.compared),
        ),
        ("false alarms, of those reported here as broken", share(counts.false_alarms, broken)),
        ("missed failures, of those reported here as working", missed),
        (
            "same exception, of those that fail in both",
            share(counts.alike, counts.both_broken),
        ),
        ("cannot be compared", str(counts.unclear)),
    )


_SETS = {
    Statement.WORKS: "printed sets that work, confirmed",
    Statement.BREAKS: "printed sets that break, confirmed",
    Statement.CURE: "cures, confirmed",
}


def _held(sets: Sequence[SecondOpinion]) -> tuple[tuple[str, str], ...]:
    """Return which share of the printed sets came out as the page says, by kind."""
    numbers = []
    for statement, words in _SETS.items():
        counts = tally([opinion for opinion in sets if opinion.statement is statement])
        if counts.asked:
            numbers.append((words, share(counts.agree, counts.compared)))
    return tuple(numbers)


def _disagreement(
    opinion: SecondOpinion, subjects: Collection[str], evidence: Collection[str]
) -> DisagreementView:
    link = None
    if opinion.statement is not Statement.CELL:
        link = opinion.cell
    elif opinion.subject in subjects:
        anchor = f"#{opinion.fingerprint}" if opinion.fingerprint in evidence else ""
        link = f"subjects/{opinion.subject}.html{anchor}"
    return DisagreementView(
        cell=opinion.cell,
        link=link,
        asked=opinion.asked,
        ours=_format_result(opinion.ours, opinion.our_symptom),
        theirs=opinion.reason or _format_result(opinion.theirs, opinion.symptom),
        again=opinion.again,
    )


def _format_result(outcome: str | None, symptom: str | None) -> str:
    return f"{outcome}: {symptom}" if symptom else str(outcome)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Second opinions, counted.

    Attributes:
        asked: all of them.
        alike: how many fail with an exception of the same type, of `both_broken`.
        false_alarms: how many break here and work with pip; `missed` the other way round.
        unclear: how many cannot be compared.
    """

    asked: int
    agree: int
    alike: int
    both_broken: int
    false_alarms: int
    missed: int
    unclear: int

    @property
    def compared(self) -> int:
        """Return how many could be compared."""
        return self.asked - self.unclear


def tally(opinions: Sequence[SecondOpinion]) -> Tally:
    """Count how often the two agree."""
    findings = Counter(opinion.finding for opinion in opinions)
    both_broken = [opinion for opinion in opinions if opinion.alike is not None]
    return Tally(
        asked=len(opinions),
        agree=findings[Agreement.AGREES],
        alike=sum(bool(opinion.alike) for opinion in both_broken),
        both_broken=len(both_broken),
        false_alarms=findings[Agreement.FALSE_ALARM],
        missed=findings[Agreement.MISSED],
        unclear=findings[Agreement.UNCLEAR],
    )
