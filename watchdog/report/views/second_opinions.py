"""How often a plain install says the same, for the page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.storage.second_opinions import Agreement, SecondOpinion


@dataclass(frozen=True)
class DisagreementView:
    """A cell of which the two say different things, or that cannot be compared.

    Attributes:
        link: the evidence, where the page still has it.
        again: what our own way gave when it was asked again.
    """

    cell: str
    link: str | None
    asked: datetime
    ours: str
    theirs: str
    again: str | None


@dataclass(frozen=True)
class SecondOpinionsView:
    """Second opinions as the front page tells them."""

    since: datetime
    last: datetime
    numbers: tuple[tuple[str, str], ...]
    disagreements: tuple[DisagreementView, ...]
    unclear: tuple[DisagreementView, ...]


def second_opinions_view(
    opinions: Sequence[SecondOpinion], subjects: Collection[str], evidence: Collection[str]
) -> SecondOpinionsView | None:
    """What is told of them; None where there are none.

    Args:
        opinions: all that were ever given.
        subjects: those that have a page.
        evidence: fingerprints that stand on these pages.
    """
    if not opinions:
        return None
    found = tally(opinions)

    def doubt(each: SecondOpinion) -> DisagreementView:
        page = f"subjects/{each.subject}.html" if each.subject in subjects else None
        anchor = f"#{each.fingerprint}" if each.fingerprint in evidence else ""
        return DisagreementView(
            cell=each.cell,
            link=f"{page}{anchor}" if page else None,
            asked=each.asked,
            ours=_told(each.ours, each.our_symptom),
            theirs=each.reason or _told(each.theirs, each.symptom),
            again=each.again,
        )

    def share(part: int, whole: int) -> str:
        return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"

    broken = found.both_broken + found.false_alarms
    return SecondOpinionsView(
        since=min(each.asked for each in opinions),
        last=max(each.asked for each in opinions),
        numbers=(
            ("say the same, of those that can be compared", share(found.agree, found.compared)),
            ("false alarms, of those that break here", share(found.false_alarms, broken)),
            ("missed, of those that work here", share(found.missed, found.compared - broken)),
            (
                "fail with the same exception, of those that both fail",
                share(found.alike, found.both_broken),
            ),
            ("cannot be compared", str(found.unclear)),
        ),
        disagreements=tuple(doubt(each) for each in reversed(opinions) if each.disagrees),
        unclear=tuple(doubt(e) for e in reversed(opinions) if e.finding is Agreement.UNCLEAR),
    )


def _told(outcome: str | None, symptom: str | None) -> str:
    return f"{outcome}: {symptom}" if symptom else str(outcome)


@dataclass(frozen=True)
class Tally:
    """Opinions, counted."""

    asked: int
    agree: int
    alike: int
    both_broken: int
    false_alarms: int
    missed: int
    unclear: int

    @property
    def compared(self) -> int:
        return self.asked - self.unclear


def tally(opinions: Sequence[SecondOpinion]) -> Tally:
    """How often the two agree."""
    found = Counter(each.finding for each in opinions)
    both = [each for each in opinions if each.alike is not None]
    return Tally(
        asked=len(opinions),
        agree=found[Agreement.AGREES],
        alike=sum(bool(each.alike) for each in both),
        both_broken=len(both),
        false_alarms=found[Agreement.FALSE_ALARM],
        missed=found[Agreement.MISSED],
        unclear=found[Agreement.UNCLEAR],
    )
