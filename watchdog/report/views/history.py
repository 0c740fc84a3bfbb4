"""The pages of the history as plain values: numbers, chart, breakages. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import smoke_name
from watchdog.model.history import (
    Culprit,
    CureRecord,
    Effort,
    History,
    PastBreakage,
    PinStatus,
)
from watchdog.model.lock import Lock
from watchdog.model.signature import normalise
from watchdog.report.views import wording
from watchdog.report.views.history_chart import (
    HistoryChart,
    family,
    history_chart,
    lasted,
    period,
    span,
)
from watchdog.report.views.pins import PinView, bounds, pin_view

_DAY = timedelta(days=1)
_SHOWN_CULPRITS = 10


@dataclass(frozen=True, kw_only=True)
class PastBreakageView:
    """A breakage of the history, on its page and in lists.

    Attributes:
        who: title and version of the subject.
        error: the message of the symptom, normalised.
        began, ended: UTC; `ended` is None while it goes on.
        days: how long it lasted, in words.
        proof: how the culprit was proved, in words.
        warned: when the removal was announced, and the text.
        works, breaks: requirements of the last good lock and the first bad one.
        victims: other breakages of the same cause, each as id and title of the subject.
        cure: a command that was run and works.
        family: colour of the culprit in the chart.
        cure_bounds: the cure's upper bounds, each as package and first version that is too new.
    """

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
        """Return what happened, in a sentence or two."""
        by = f" by {self.culprit}" if self.culprit else ""
        if self.ended is None:
            return f"{self.who} has been broken{by} since {wording.date(self.began)}."
        fixed = f" {self.how_fixed}" if self.how_fixed else " It works again."
        return f"{self.who} was broken{by} for {self.days}.{fixed}"


@dataclass(frozen=True, kw_only=True)
class CulpritView:
    """A release, and the subjects that it broke.

    Attributes:
        breakages: each as id and title of the subject.
        days: how long all of them lasted together, in words.
    """

    name: str
    day: datetime
    breakages: tuple[tuple[str, str], ...]
    days: str


@dataclass(frozen=True, kw_only=True)
class NumbersView:
    """The history in numbers.

    Attributes:
        subjects, breakages, open: counted for packages alone, not for scenarios.
        locks: how many distinct locks were run.
        passed: how many locks were not run, because the locks on both sides came out alike.
        gaps: how many stretches of time could not be judged.
    """

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
class HistoryView:
    """The whole history; `numbers` and `picture` are None where there is nothing to show."""

    numbers: NumbersView | None
    picture: HistoryChart | None
    breakages: tuple[PastBreakageView, ...]
    pins: tuple[PinView, ...]


NOTHING_PAST = HistoryView(None, None, (), ())
"""The view where no history was replayed yet."""


def history_view(
    matrix: Matrix,
    histories: Sequence[History],
    pins: Sequence[PinStatus],
    cures: Mapping[str, CureRecord],
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryView:
    """Return the history of the whole field.

    Args:
        matrix: gives subjects and titles.
        histories: one for each subject.
        pins: state of each pinned release of the framework.
        cures: by id of the breakage.
        releases: those drawn as vertical lines: package, version, day.
    """
    breakages = [breakage for history in histories for breakage in history.breakages]
    victims = _victims_by_cause(matrix, breakages)
    views = [past_breakage_view(matrix, b, victims[_cause(b)], cures.get(b.id)) for b in breakages]
    views.sort(key=lambda view: view.began, reverse=True)
    return HistoryView(
        numbers=_numbers(matrix, histories, breakages, views) if histories else None,
        picture=history_chart(matrix, histories, releases) if breakages else None,
        breakages=tuple(views),
        pins=tuple(pin_view(matrix, pin) for pin in pins),
    )


def _cause(breakage: PastBreakage) -> tuple[str, str]:
    """Return what breakages of one cause share: the release, or the failure if none is known."""
    culprit = breakage.culprit
    return (culprit.name, culprit.version) if culprit else ("", breakage.signature)


def _victims_by_cause(
    matrix: Matrix, breakages: Iterable[PastBreakage]
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return id and title of the subject of each breakage, by cause."""
    victims: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for breakage in breakages:
        victims[_cause(breakage)].append((breakage.id, matrix.title(breakage.subject)))
    return victims


def past_breakage_view(
    matrix: Matrix,
    breakage: PastBreakage,
    victims: Sequence[tuple[str, str]],
    cure: CureRecord | None,
) -> PastBreakageView:
    """Return a breakage of the history.

    Args:
        matrix: gives titles.
        breakage: the breakage to show.
        victims: all breakages of the same cause, also this one.
        cure: pins that make it work again, if any were found.
    """
    title, culprit = matrix.title(breakage.subject), breakage.culprit
    return PastBreakageView(
        id=breakage.id,
        subject=breakage.subject,
        title=title,
        who=f"{title} {breakage.subject_version}".rstrip(),
        symptom=breakage.symptom,
        error=normalise(breakage.symptom.partition(": ")[2] or breakage.symptom),
        began=breakage.broken_from,
        ended=breakage.fixed_on,
        days=lasted(breakage),
        culprit=_release_title(matrix, culprit),
        last_good=_last_good_title(matrix, culprit),
        proof=_PROOFS.get(breakage.proof, breakage.proof),
        how_fixed=_how_fixed(matrix, breakage),
        stage=wording.STAGES[breakage.stage],
        test=breakage.test,
        missing=breakage.missing,
        python=breakage.python,
        warned=breakage.warned,
        works=_requirements(breakage.works),
        breaks=_requirements(breakage.breaks),
        log=breakage.log,
        victims=tuple(victim for victim in victims if victim[0] != breakage.id),
        cure=_pip_install(cure.typed) if cure else None,
        cure_checked=cure.checked if cure else None,
        cure_python=cure.python if cure else None,
        reproduce=_reproduce(matrix, breakage),
        family=family(matrix, breakage),
        signature=breakage.signature,
        subject_version=breakage.subject_version,
        culprit_name=culprit.name if culprit else None,
        culprit_version=culprit.version if culprit else None,
        cure_bounds=bounds(cure.typed) if cure else (),
    )


def _release_title(matrix: Matrix, culprit: Culprit | None) -> str | None:
    return f"{matrix.title(culprit.name)} {culprit.version}" if culprit else None


def _last_good_title(matrix: Matrix, culprit: Culprit | None) -> str | None:
    return f"{matrix.title(culprit.name)} {culprit.last_good}" if culprit else None


def _requirements(lock: Lock | None) -> tuple[str, ...]:
    return lock.requirements if lock else ()


def _pip_install(requirements: Sequence[str] | None) -> str | None:
    return f"pip install {shlex.join(requirements)}" if requirements else None


_PROOFS = {
    "swap": "proved: the last good set with this release alone fails alike, "
    "and the bad set without it works",
    "pair": "two releases together; neither does it alone",
    "undetermined": "no single release could be shown to do it alone",
}


def _how_fixed(matrix: Matrix, breakage: PastBreakage) -> str | None:
    """Return how a breakage ended, in a sentence; None where no release ended it."""
    fix, day = breakage.fixed_by, breakage.fixed_on
    if fix is None:
        return None
    if day is None:
        return ""
    release, when = f"{matrix.title(fix.name)} {fix.version}", wording.date(day)
    if fix.how == "cap":
        return f"Since {release} of {when} an older version is asked for, and so it works."
    return f"Fixed by {release} on {when}."


def _reproduce(matrix: Matrix, breakage: PastBreakage) -> str | None:
    """Return a shell line that runs the first bad lock; None where it was not kept."""
    if breakage.breaks is None:
        return None
    # A subject that is not in the matrix has no smoke of its own.
    in_matrix = breakage.subject == matrix.framework or breakage.subject in matrix.extensions
    smoke = smoke_name(breakage.subject) if in_matrix else "automatic"
    pins = breakage.breaks.requirements
    return wording.reproduce(breakage.python, pins, smoke, breakage.subject)


def _numbers(
    matrix: Matrix,
    histories: Sequence[History],
    breakages: Sequence[PastBreakage],
    views: Sequence[PastBreakageView],
) -> NumbersView:
    """Return the history in numbers.

    Breakages are counted for packages alone: a scenario repeats what an extension suffers. The
    last breakage may be one of a scenario, which now and then breaks alone.
    """
    since, until = period(histories)
    of_packages = [b for b in breakages if matrix.is_package(b.subject)]
    ended = [b for b in of_packages if b.fixed_on]
    last = _last(matrix, breakages)
    effort = sum((history.effort for history in histories), Effort())
    return NumbersView(
        since=since,
        until=until,
        subjects=sum(matrix.is_package(history.subject) for history in histories),
        breakages=len(of_packages),
        open=len(of_packages) - len(ended),
        median_days=_median_length(ended, until),
        longest=_view_of(views, _longest(ended, until)),
        last=_view_of(views, last),
        days_since_last=(until - last.broken_from) // _DAY if last else None,
        culprits=tuple(_worst_culprits(matrix, of_packages, until)[:_SHOWN_CULPRITS]),
        locks=effort.locks - effort.passed,
        passed=effort.passed,
        gaps=sum(len(history.gaps) for history in histories),
    )


def _last(matrix: Matrix, breakages: Sequence[PastBreakage]) -> PastBreakage | None:
    """Return the breakage that began last; of several, one of a package."""
    return max(breakages, key=lambda b: (b.broken_from, matrix.is_package(b.subject)), default=None)


def _longest(breakages: Sequence[PastBreakage], until: datetime) -> PastBreakage | None:
    return max(breakages, key=lambda b: (_length(b, until), b.id), default=None)


def _view_of(
    views: Sequence[PastBreakageView], breakage: PastBreakage | None
) -> PastBreakageView | None:
    if breakage is None:
        return None
    return {view.id: view for view in views}[breakage.id]


def _length(breakage: PastBreakage, until: datetime) -> timedelta:
    """Return how long a breakage lasted; one that goes on is counted up to `until`."""
    return (breakage.fixed_on or until) - breakage.broken_from


def _median_length(breakages: Sequence[PastBreakage], until: datetime) -> str:
    if not breakages:
        return "–"
    seconds = median(_length(breakage, until).total_seconds() for breakage in breakages)
    return span(timedelta(seconds=seconds))


def _worst_culprits(
    matrix: Matrix, breakages: Sequence[PastBreakage], until: datetime
) -> list[CulpritView]:
    """Return releases by how many subjects they broke, then by the days of all of them."""
    by_release: dict[tuple[str, str], list[PastBreakage]] = defaultdict(list)
    for breakage in breakages:
        if breakage.culprit:
            by_release[breakage.culprit.name, breakage.culprit.version].append(breakage)

    def weight(caused: Sequence[PastBreakage]) -> tuple[int, timedelta]:
        return len({breakage.subject for breakage in caused}), _total(caused, until)

    worst_first = sorted(by_release.items(), key=lambda item: weight(item[1]), reverse=True)
    return [
        CulpritView(
            name=f"{matrix.title(name)} {version}",
            day=min(breakage.broken_from for breakage in caused),
            breakages=tuple((b.id, matrix.title(b.subject)) for b in caused),
            days=span(_total(caused, until)),
        )
        for (name, version), caused in worst_first
    ]


def _total(breakages: Iterable[PastBreakage], until: datetime) -> timedelta:
    return sum((_length(breakage, until) for breakage in breakages), timedelta())
