"""The pages of the history as plain values: numbers, chart, breakages. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from watchdog.facts.downtimes import Cause, Downtime
from watchdog.facts.facts import Announcement, DowntimeFacts, Facts, TestTitles
from watchdog.facts.severity import Severity, severity_of_stage, severity_words
from watchdog.matrix.schema import Matrix
from watchdog.model.history import ALL_USES, Culprit, Effort, History, PinStatus
from watchdog.model.lock import Lock
from watchdog.report.views import wording
from watchdog.report.views.commands import program_line, reproduce_breakage
from watchdog.report.views.history_chart import (
    HistoryChart,
    family,
    history_chart,
    lasted,
    period,
    span,
)
from watchdog.report.views.pins import PinView, newest_python_of, pin_view

_DAY = timedelta(days=1)
_SHOWN_CULPRITS = 10


@dataclass(frozen=True, kw_only=True)
class CauseView:
    """One of the successive causes of a breakage.

    Attributes:
        title: the error that it gives.
        warned: when it was announced, and the text.
        proof: how the culprit was proved, in words.
        breaks: requirements of the first set that fails so.
        reproduce: a shell line that runs that set.
    """

    title: str
    since: datetime
    warned: tuple[datetime, str] | None
    culprit: str | None
    last_good: str | None
    proof: str
    proved: bool
    stage: str
    python: str
    test: str | None
    missing: str | None
    breaks: tuple[str, ...]
    log: str
    reproduce: str | None


@dataclass(frozen=True, kw_only=True)
class PastBreakageView:
    """A breakage of the history, on its page and in lists: one stretch with its causes in turn.

    Attributes:
        who: title and version of the subject.
        error: its first error, as a user sees it.
        severity: how badly it failed: `cannot be imported`, `fails in 1 of 4 tested uses`.
        uses: what fails, in words; empty if nothing could be imported.
        began, ended: UTC; `ended` is None while it goes on.
        exact_end: False if all that is known is that it was over on `ended`.
        goes_on: whether it fails in the latest run.
        known_until: when the history was last carried on, UTC.
        days: how long it lasted, in words.
        warned: when the removal was announced, and the text.
        works: requirements of the last set before it in which every use passes.
        victims: other breakages that the same release began, each as id and title of the subject.
        cure: a command that was run and works with the version that broke.
        family: colour of the first culprit in the chart.
    """

    id: str
    subject: str
    title: str
    who: str
    error: str
    severity: str
    uses: tuple[str, ...]
    began: datetime
    ended: datetime | None
    exact_end: bool
    goes_on: bool
    known_until: datetime
    days: str
    causes: tuple[CauseView, ...]
    how_fixed: str | None
    warned: tuple[datetime, str] | None
    works: tuple[str, ...]
    works_since: datetime | None
    works_python: str | None
    victims: tuple[tuple[str, str], ...]
    cure: str | None
    cure_checked: datetime | None
    cure_python: str | None
    family: str
    python: str

    @property
    def culprit(self) -> str | None:
        """The release that began it; None if it was not found."""
        return self.causes[0].culprit

    @property
    def end_in_words(self) -> str:
        """How it ended, in a sentence, where the history holds its end."""
        return self.how_fixed or "It works again; which release fixed it was not found."

    @property
    def by(self) -> str:
        """The releases that caused it, in turn: `Werkzeug 2.1.0, then Werkzeug 2.3.0`."""
        names = [cause.culprit or "a release that was not found" for cause in self.causes]
        different = list(dict.fromkeys(names))
        if different == ["a release that was not found"]:
            return ""
        return ", then ".join(different)

    @property
    def verdict(self) -> str:
        """Return what happened, in a sentence or two."""
        by = f", because of {self.by}" if self.by else ""
        state = self.severity
        if self.goes_on:
            return f"{self.who} {state} since {wording.date(self.began)}{by}."
        past = state.replace("fails", "failed", 1).replace("cannot", "could not", 1)
        text = f"{self.who} {past} for {self.days}{by}."
        if not self.exact_end and self.ended:
            return f"{text} It works in the run of {wording.date(self.ended)}."
        return f"{text} {self.how_fixed}" if self.how_fixed else f"{text} It works again."


@dataclass(frozen=True, kw_only=True)
class CulpritView:
    """A release, and the subjects that it broke.

    Attributes:
        breakages: the first of each subject, as id and title of the subject.
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
        as_of: the day that `open` and `days_since_last` are of: the latest run, UTC.
        locks: how many distinct locks were run.
        passed: how many locks were not run, because the locks on both sides came out alike.
        gaps: how many stretches of time could not be judged.
    """

    since: datetime
    until: datetime
    as_of: datetime
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
    newest_python_of_pins: str = ""


NOTHING_PAST = HistoryView(None, None, (), ())
"""The view where no history was replayed yet."""


def history_view(
    matrix: Matrix,
    facts: Facts,
    pins: Sequence[PinStatus],
    titles: TestTitles,
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryView:
    """Return the history of the whole field.

    Args:
        matrix: gives subjects and titles.
        facts: what is true now.
        pins: state of each pinned release of the framework.
        titles: what each use is.
        releases: those drawn as vertical lines: package, version, day.
    """
    victims = _victims_by_culprit(matrix, facts.downtimes)
    views = tuple(
        past_breakage_view(
            matrix,
            downtime,
            victims,
            titles.get(downtime.subject, {}),
            facts.histories[downtime.subject].options,
        )
        for downtime in facts.downtimes
    )
    histories = tuple(facts.histories.values())
    return HistoryView(
        numbers=_numbers(matrix, facts, views) if histories else None,
        picture=history_chart(matrix, histories, facts.downtimes, releases) if views else None,
        breakages=views,
        pins=tuple(pin_view(matrix, pin, titles) for pin in pins),
        newest_python_of_pins=newest_python_of(pins),
    )


Victims = Mapping[tuple[str, str], Mapping[str, str]]
"""By name and version of the culprit: subjects, each with the id of its first breakage by it."""


def _victims_by_culprit(matrix: Matrix, downtimes: Iterable[DowntimeFacts]) -> Victims:
    victims: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    in_order = sorted(downtimes, key=lambda d: (matrix.title(d.subject).lower(), d.downtime.since))
    for downtime in in_order:
        culprit = downtime.downtime.first.culprit
        if culprit:
            victims[culprit.name, culprit.version].setdefault(downtime.subject, downtime.id)
    return victims


def past_breakage_view(
    matrix: Matrix,
    facts: DowntimeFacts,
    victims: Victims,
    titles: Mapping[str, str],
    options: Sequence[str] = (),
) -> PastBreakageView:
    """Return a breakage of the history.

    Args:
        matrix: gives titles.
        facts: the breakage to show.
        victims: of all releases.
        titles: what each use of the subject is.
        options: those by which its smoke is run again.
    """
    downtime, cure = facts.downtime, facts.cure
    title, first = matrix.title(downtime.subject), downtime.first
    works = downtime.works
    cured = cure if cure and cure.how != "nothing" and cure.lock else None
    return PastBreakageView(
        id=facts.id,
        subject=downtime.subject,
        title=title,
        who=f"{title} {first.subject_version}".rstrip(),
        error=facts.title,
        severity=_severity(downtime),
        uses=_uses(downtime, titles),
        began=downtime.since,
        ended=facts.until,
        exact_end=facts.over_by is None,
        goes_on=facts.goes_on,
        known_until=downtime.known_until,
        days=lasted(facts),
        causes=tuple(
            _cause_view(matrix, cause, text, warned, options)
            for cause, text, warned in zip(
                downtime.causes, facts.titles, facts.announcements, strict=True
            )
        ),
        how_fixed=_how_fixed(matrix, downtime),
        warned=facts.announced,
        works=_requirements(works.lock) if works else (),
        works_since=works.since if works else None,
        works_python=works.python if works else None,
        victims=_other_victims(matrix, downtime, victims),
        cure=_pip_install(cured.typed) if cured else None,
        cure_checked=cured.checked if cured else None,
        cure_python=cured.python if cured else None,
        family=family(matrix, facts),
        python=downtime.python,
    )


def _severity(downtime: Downtime) -> str:
    """Return how badly a subject failed when a downtime began, in words."""
    first = downtime.first_bad
    if ALL_USES in first.uses:
        return severity_words(severity_of_stage(first.uses[ALL_USES].stage), failed=0, tested=0)
    return severity_words(Severity.FAILS, failed=len(downtime.uses), tested=downtime.of)


def _uses(downtime: Downtime, titles: Mapping[str, str]) -> tuple[str, ...]:
    if ALL_USES in downtime.first_bad.uses or len(downtime.uses) == downtime.of:
        return ()
    return tuple(titles.get(use, use).rstrip(".") for use in sorted(downtime.uses))


def _cause_view(
    matrix: Matrix,
    cause: Cause,
    title: str,
    warned: Announcement | None,
    options: Sequence[str],
) -> CauseView:
    breakage, culprit = cause.breakage, cause.culprit
    return CauseView(
        title=title,
        since=cause.since,
        warned=warned,
        culprit=release_title(matrix, culprit),
        last_good=_last_good(matrix, culprit),
        proof=_PROOFS.get(breakage.proof, breakage.proof),
        proved=culprit is not None and breakage.proof == "swap",
        stage=wording.STAGES[breakage.stage],
        python=breakage.python,
        test=breakage.test,
        missing=breakage.missing,
        breaks=_requirements(breakage.breaks),
        log=breakage.log,
        reproduce=reproduce_breakage(
            breakage, options, program=program_line(matrix.site.repository, options)
        ),
    )


def _last_good(matrix: Matrix, culprit: Culprit | None) -> str | None:
    if culprit is None or not culprit.last_good:
        return None
    return f"{wording.package_title(matrix, culprit.name)} {culprit.last_good}"


def _other_victims(
    matrix: Matrix, downtime: Downtime, victims: Victims
) -> tuple[tuple[str, str], ...]:
    """Return the other subjects that the first culprit broke, each once."""
    culprit = downtime.first.culprit
    if culprit is None:
        return ()
    others = victims.get((culprit.name, culprit.version), {})
    return tuple((id_, matrix.title(s)) for s, id_ in others.items() if s != downtime.subject)


def release_title(matrix: Matrix, culprit: Culprit | None) -> str | None:
    """Return a release as `Werkzeug 3.0.0`; None for None."""
    return f"{wording.package_title(matrix, culprit.name)} {culprit.version}" if culprit else None


def _requirements(lock: Lock | None) -> tuple[str, ...]:
    return lock.requirements if lock else ()


def _pip_install(requirements: Sequence[str] | None) -> str | None:
    return f"pip install {shlex.join(requirements)}" if requirements else None


_PROOFS = {
    "swap": "proved: a set with this release fails with this error, and the same set with the "
    "release before it does not",
    "pair": "two releases together; neither of them causes it alone",
    "undetermined": "no single release could be shown to cause it alone",
}


def _how_fixed(matrix: Matrix, downtime: Downtime) -> str | None:
    """Return how a breakage ended, in a sentence; None where no release ended it."""
    fix, day = downtime.fix, downtime.until
    if fix is None or day is None:
        return None
    release, when = f"{matrix.title(fix.name)} {fix.version}", wording.date(day)
    if fix.how == "cap":
        culprit = downtime.first.culprit
        older = (
            f"an older {wording.package_title(matrix, culprit.name)}"
            if culprit
            else "older versions"
        )
        return f"Fixed by {release} on {when}: it requires {older}, which avoids the error."
    return f"Fixed by {release} on {when}."


def _numbers(matrix: Matrix, facts: Facts, views: Sequence[PastBreakageView]) -> NumbersView:
    """Return the history in numbers.

    Breakages are counted for packages alone: a scenario repeats what an extension suffers. The
    last breakage may be one of a scenario, which now and then breaks alone.
    """
    histories = tuple(facts.histories.values())
    since, until = period(histories)
    as_of = max(until, facts.as_of) if facts.as_of else until
    of_packages = [d for d in facts.downtimes if matrix.is_package(d.subject)]
    ended = [d for d in of_packages if not d.goes_on and d.over_by is None]
    last = max(
        facts.downtimes,
        key=lambda d: (d.downtime.since, matrix.is_package(d.subject)),
        default=None,
    )
    longest = max(ended, key=lambda d: (d.downtime.length, d.id), default=None)
    effort = sum((history.effort for history in histories), Effort())
    by_id = {view.id: view for view in views}
    return NumbersView(
        since=since,
        until=until,
        as_of=as_of,
        subjects=sum(matrix.is_package(history.subject) for history in histories),
        breakages=len(of_packages),
        open=sum(downtime.goes_on for downtime in of_packages),
        median_days=_median_length(ended),
        longest=by_id[longest.id] if longest else None,
        last=by_id[last.id] if last else None,
        days_since_last=(as_of - last.downtime.since) // _DAY if last else None,
        culprits=tuple(_worst_culprits(matrix, of_packages, as_of)[:_SHOWN_CULPRITS]),
        locks=effort.locks - effort.passed,
        passed=effort.passed,
        gaps=sum(len(history.gaps) for history in histories),
    )


def _median_length(downtimes: Sequence[DowntimeFacts]) -> str:
    if not downtimes:
        return "–"
    return span(timedelta(seconds=median(d.downtime.length.total_seconds() for d in downtimes)))


def _worst_culprits(
    matrix: Matrix, downtimes: Sequence[DowntimeFacts], as_of: datetime
) -> list[CulpritView]:
    """Return releases by how many subjects they broke, then by the days of all of them."""
    by_release: dict[tuple[str, str], list[DowntimeFacts]] = defaultdict(list)
    for downtime in downtimes:
        if culprit := downtime.downtime.first.culprit:
            by_release[culprit.name, culprit.version].append(downtime)

    def total(caused: Sequence[DowntimeFacts]) -> timedelta:
        lengths = ((d.until or as_of) - d.downtime.since for d in caused)
        return sum(lengths, timedelta())

    def weight(caused: Sequence[DowntimeFacts]) -> tuple[int, timedelta]:
        return len({downtime.subject for downtime in caused}), total(caused)

    worst_first = sorted(by_release.items(), key=lambda item: weight(item[1]), reverse=True)
    return [
        CulpritView(
            name=f"{wording.package_title(matrix, name)} {version}",
            day=min(downtime.downtime.since for downtime in caused),
            breakages=_first_of_each(matrix, caused),
            days=span(total(caused)),
        )
        for (name, version), caused in worst_first
    ]


def _first_of_each(
    matrix: Matrix, downtimes: Iterable[DowntimeFacts]
) -> tuple[tuple[str, str], ...]:
    """Return id and title of the subject, for the first breakage of each subject."""
    first: dict[str, str] = {}
    for downtime in sorted(downtimes, key=lambda d: (d.downtime.since, d.id)):
        first.setdefault(downtime.subject, downtime.id)
    return tuple((id_, matrix.title(subject)) for subject, id_ in first.items())


def subject_downtimes(view: HistoryView, subject: str) -> tuple[PastBreakageView, ...]:
    """Return the breakages of one subject, the latest first."""
    return tuple(breakage for breakage in view.breakages if breakage.subject == subject)


def histories_of(facts: Facts, subjects: Iterable[str]) -> tuple[History, ...]:
    """Return the histories of some subjects that have one."""
    return tuple(facts.histories[s] for s in subjects if s in facts.histories)
