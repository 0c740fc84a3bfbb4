"""What the pages of the past show, as plain values: numbers, lanes, breakages, pins. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from packaging.requirements import Requirement

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import smoke_name
from watchdog.model.history import CureRecord, History, PastBreakage, PinState, PinStatus
from watchdog.model.signature import normalise
from watchdog.report.views import wording
from watchdog.report.views.history_chart import HistoryChart, family, history_chart, lasted, span

_DAY = timedelta(days=1)
_SHOWN_CULPRITS = 10


@dataclass(frozen=True)
class PastBreakageView:
    """A breakage of the past, on its page and in lists."""

    id: str
    subject: str
    title: str
    who: str
    symptom: str
    error: str
    began: datetime
    ended: datetime | None
    days: str
    culprit: str | None
    last_good: str | None
    proof: str
    how_fixed: str | None
    stage: str
    test: str | None
    missing: str | None
    python: str
    warned: tuple[datetime, str] | None
    works: tuple[str, ...]
    breaks: tuple[str, ...]
    log: str
    victims: tuple[tuple[str, str], ...]
    cure: str | None
    cure_checked: datetime | None
    cure_python: str | None
    reproduce: str | None
    family: str
    signature: str
    subject_version: str
    culprit_name: str | None
    culprit_version: str | None
    cure_bounds: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> str:
        """What happened, in a sentence or two."""
        by = f" by {self.culprit}" if self.culprit else ""
        if self.ended is None:
            return f"{self.who} has been broken{by} since {wording.date(self.began)}."
        fixed = f" {self.how_fixed}" if self.how_fixed else " It works again."
        return f"{self.who} was broken{by} for {self.days}.{fixed}"


@dataclass(frozen=True)
class CulpritView:
    """A release, and whom it broke."""

    name: str
    day: datetime
    breakages: tuple[tuple[str, str], ...]
    days: str


@dataclass(frozen=True)
class NumbersView:
    """The history in numbers."""

    since: datetime
    until: datetime
    subjects: int
    breakages: int
    open: int
    median_days: str
    longest: PastBreakageView | None
    last: PastBreakageView | None
    days_since_last: int | None
    culprits: tuple[CulpritView, ...]
    locks: int
    passed: int
    gaps: int


@dataclass(frozen=True)
class PinView:
    """What became of a pinned framework."""

    version: str
    released: datetime
    typed: str
    python: str
    state: str
    word: str
    rotted_on: datetime | None
    culprit: str | None
    symptom: str | None
    cure: str | None
    newest_python: str | None
    checked: datetime
    alone: bool
    bounds: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HistoryView:
    """Everything about the past."""

    numbers: NumbersView | None
    picture: HistoryChart | None
    breakages: tuple[PastBreakageView, ...]
    pins: tuple[PinView, ...]


NOTHING_PAST = HistoryView(None, None, (), ())
"""Where no history was replayed yet."""


def history_view(
    matrix: Matrix,
    histories: Sequence[History],
    pins: Sequence[PinStatus],
    cures: Mapping[str, CureRecord],
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryView:
    """The past of the field.

    `releases` are those drawn as verticals: package, version, day.
    """
    raw = [b for history in histories for b in history.breakages]
    victims = _victims(matrix, raw)
    views = [past_breakage_view(matrix, b, victims[_cause(b)], cures.get(b.id)) for b in raw]
    views.sort(key=lambda v: v.began, reverse=True)
    return HistoryView(
        numbers=_numbers(matrix, histories, raw, views) if histories else None,
        picture=history_chart(matrix, histories, releases) if raw else None,
        breakages=tuple(views),
        pins=tuple(pin_view(matrix, rot) for rot in pins),
    )


def _cause(breakage: PastBreakage) -> tuple[str, str]:
    """What breakages have in common that are one to the reader: the release, or the failure."""
    by = breakage.culprit
    return (by.name, by.version) if by else ("", breakage.signature)


def _victims(
    matrix: Matrix, breakages: Iterable[PastBreakage]
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for each in breakages:
        found[_cause(each)].append((each.id, matrix.title(each.subject)))
    return found


def past_breakage_view(
    matrix: Matrix,
    breakage: PastBreakage,
    victims: Sequence[tuple[str, str]],
    cure: CureRecord | None,
) -> PastBreakageView:
    """One breakage, ready to be shown."""
    title, by, fix = matrix.title(breakage.subject), breakage.culprit, breakage.fixed_by
    who = f"{title} {breakage.subject_version}".rstrip()
    return PastBreakageView(
        id=breakage.id,
        subject=breakage.subject,
        title=title,
        who=who,
        symptom=breakage.symptom,
        error=normalise(breakage.symptom.partition(": ")[2] or breakage.symptom),
        began=breakage.broken_from,
        ended=breakage.fixed_on,
        days=lasted(breakage),
        culprit=f"{matrix.title(by.name)} {by.version}" if by else None,
        last_good=f"{matrix.title(by.name)} {by.last_good}" if by else None,
        proof=_PROOFS.get(breakage.proof, breakage.proof),
        how_fixed=_how_fixed(matrix, breakage) if fix else None,
        stage=wording.STAGES[breakage.stage],
        test=breakage.test,
        missing=breakage.missing,
        python=breakage.python,
        warned=breakage.warned,
        works=breakage.works.requirements if breakage.works else (),
        breaks=breakage.breaks.requirements if breakage.breaks else (),
        log=breakage.log,
        victims=tuple(v for v in victims if v[0] != breakage.id),
        cure=f"pip install {shlex.join(cure.typed)}" if cure and cure.typed else None,
        cure_checked=cure.checked if cure else None,
        cure_python=cure.python if cure else None,
        reproduce=_reproduce(matrix, breakage),
        family=family(matrix, breakage),
        signature=breakage.signature,
        subject_version=breakage.subject_version,
        culprit_name=by.name if by else None,
        culprit_version=by.version if by else None,
        cure_bounds=bounds(cure.typed) if cure else (),
    )


_PROOFS = {
    "swap": "proved: the last good set with this release alone fails alike, "
    "and the bad set without it works",
    "pair": "two releases together; neither does it alone",
    "undetermined": "no single release could be shown to do it alone",
}


def _how_fixed(matrix: Matrix, breakage: PastBreakage) -> str:
    fix, day = breakage.fixed_by, breakage.fixed_on
    if fix is None or day is None:
        return ""
    who, when = f"{matrix.title(fix.name)} {fix.version}", wording.date(day)
    if fix.how == "cap":
        return f"Since {who} of {when} an older version is asked for, and so it works."
    return f"Fixed by {who} on {when}."


def _reproduce(matrix: Matrix, breakage: PastBreakage) -> str | None:
    if breakage.breaks is None:
        return None
    # A subject that is not in the matrix has no smoke of its own.
    known = breakage.subject == matrix.framework or breakage.subject in matrix.extensions
    smoke = smoke_name(breakage.subject) if known else "automatic"
    pins = breakage.breaks.requirements
    return wording.reproduce(breakage.python, pins, smoke, breakage.subject)


def _numbers(
    matrix: Matrix,
    histories: Sequence[History],
    raw: Sequence[PastBreakage],
    views: Sequence[PastBreakageView],
) -> NumbersView:
    mine = [b for b in raw if matrix.is_package(b.subject)]
    shown = {v.id: v for v in views}
    ended = [b for b in mine if b.fixed_on]
    lengths = [(b.fixed_on - b.broken_from, b.id) for b in ended if b.fixed_on]
    until = max(h.until for h in histories)
    # A scenario repeats what an extension suffers, and now and then suffers alone.
    last = max(raw, key=lambda b: (b.broken_from, matrix.is_package(b.subject)), default=None)
    return NumbersView(
        since=min(h.since for h in histories),
        until=until,
        subjects=sum(matrix.is_package(h.subject) for h in histories),
        breakages=len(mine),
        open=len(mine) - len(ended),
        median_days=_median([length for length, _ in lengths]),
        longest=shown[max(lengths)[1]] if lengths else None,
        last=shown[last.id] if last else None,
        days_since_last=(until - last.broken_from) // _DAY if last else None,
        culprits=tuple(_worst(matrix, mine, until)[:_SHOWN_CULPRITS]),
        locks=sum(h.effort.locks - h.effort.passed for h in histories),
        passed=sum(h.effort.passed for h in histories),
        gaps=sum(len(h.gaps) for h in histories),
    )


def _median(lengths: Sequence[timedelta]) -> str:
    if not lengths:
        return "–"
    return span(timedelta(seconds=median(length.total_seconds() for length in lengths)))


def _worst(matrix: Matrix, breakages: Sequence[PastBreakage], until: datetime) -> list[CulpritView]:
    """Releases by how many subjects they broke, then by the days of all of them."""
    by: dict[tuple[str, str], list[PastBreakage]] = defaultdict(list)
    for each in breakages:
        if each.culprit:
            by[each.culprit.name, each.culprit.version].append(each)

    def weight(found: list[PastBreakage]) -> tuple[int, timedelta]:
        return len({b.subject for b in found}), _total(found, until)

    ordered = sorted(by.items(), key=lambda item: weight(item[1]), reverse=True)
    return [
        CulpritView(
            name=f"{matrix.title(name)} {version}",
            day=min(b.broken_from for b in found),
            breakages=tuple((b.id, matrix.title(b.subject)) for b in found),
            days=span(_total(found, until)),
        )
        for (name, version), found in ordered
    ]


def _total(breakages: Iterable[PastBreakage], until: datetime) -> timedelta:
    return sum(((b.fixed_on or until) - b.broken_from for b in breakages), timedelta())


def pin_view(matrix: Matrix, rot: PinStatus) -> PinView:
    """A row of the table of pins."""
    by = rot.culprit
    words = {
        PinState.WORKS: "still works",
        PinState.ROTTED: "rotted",
        PinState.NEVER: "never worked here",
    }
    typed = [*rot.requirements, *(rot.pins or ())]
    return PinView(
        version=rot.version,
        released=rot.released,
        typed=f"pip install {shlex.join(rot.requirements)}",
        python=rot.python,
        state={"works": "works", "rotted": "broken"}.get(rot.state, "unjudged"),
        word=words[rot.state],
        rotted_on=rot.rotted_on,
        culprit=f"{by.name} {by.version}" if by else None,
        symptom=rot.symptom,
        cure=f"pip install {shlex.join(typed)}" if rot.pins else None,
        newest_python=rot.newest_python,
        checked=rot.checked,
        alone=rot.subject == matrix.framework,
        bounds=bounds(rot.pins),
    )


def bounds(typed: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """The upper bounds among what is typed: package and first version that is too new."""
    return tuple(
        (requirement.name, specifier.version)
        for requirement in map(Requirement, typed or ())
        for specifier in requirement.specifier
        if specifier.operator == "<"
    )
