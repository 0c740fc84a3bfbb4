"""The pages of releases as plain values: what each broke, and what the next would break. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.facts.facts import OngoingFacts
from watchdog.facts.next_releases import NextReleaseFacts
from watchdog.facts.releases import Harm, ReleaseFacts, Releases
from watchdog.matrix.schema import Matrix
from watchdog.model.history import ExplainedUses
from watchdog.model.python_series import PYTHON
from watchdog.report.views import wording
from watchdog.report.views.breakages import TodayView, with_titles
from watchdog.report.views.forecast import RiskView, risk_view
from watchdog.report.views.history import PastBreakageView
from watchdog.report.views.history_chart import span
from watchdog.report.views.pins import PinView, pin_view
from watchdog.report.views.wheels import WheelsView, wheels_view
from watchdog.storage.forecast import Forecast, Kind, Risk

_NAMED = 3
"""How many subjects a verdict names."""


@dataclass(frozen=True, kw_only=True)
class HarmView:
    """A breakage that a release caused.

    Attributes:
        breakage: as on its own page.
        error: the one that this release gives; a breakage may have several causes in turn.
        who: title and version of the subject when the release came.
        began: whether the release began it; else some uses failed already.
        since: when its failure was first seen, UTC.
        proved: whether the release was proved to be the cause by a swap; else `proof` says what was
            found.
        announced: when what it took away was announced, and the text.
    """

    breakage: PastBreakageView
    who: str
    error: str
    began: bool
    since: datetime
    proved: bool
    proof: str
    announced: tuple[datetime, str] | None


@dataclass(frozen=True, kw_only=True)
class TodayHarmView:
    """A failure of fresh installs today that a release caused, on Pythons without a history."""

    card: TodayView
    since: datetime


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """What the page of a release shows.

    Attributes:
        page: its address within the site.
        title: `Werkzeug 3.0.0`.
        verdict: what it broke, in a sentence or two.
        published: when, in a sentence; what is known instead where no record holds it.
        day: of the list: when it was published, or first seen; None if nothing is known.
        exact: whether `day` is when it was published.
        begun: the breakages that it began, the most downloaded subject first.
        continued: those that other releases began before it came.
        broken: subjects with their titles.
        open: how many of them fail to this day.
        days: how long all breakages that it began lasted together, in words; empty if none.
        hours: the same as a number, to sort by.
        passed: subjects with their titles that passed with it.
        wheels: of a Python: the packages that had no wheel for it; None without any.
    """

    page: str
    package: str
    title: str
    verdict: str
    published: str
    day: datetime | None
    exact: bool
    begun: tuple[HarmView, ...]
    continued: tuple[HarmView, ...]
    today: tuple[TodayHarmView, ...]
    pins: tuple[PinView, ...]
    broken: tuple[tuple[str, str], ...]
    open: int
    days: str
    hours: int
    passed: tuple[tuple[str, str], ...]
    wheels: WheelsView | None = None


@dataclass(frozen=True, kw_only=True)
class AnnouncedView:
    """What a release to come takes away, with everybody under watch that uses it.

    Attributes:
        text: the announcement of the package.
        risks: each with the line of code; the most downloaded subject first.
    """

    symbol: str
    text: str
    risks: tuple[RiskView, ...]


@dataclass(frozen=True, kw_only=True)
class NextReleaseView:
    """What the page of a release to come shows.

    Attributes:
        title: `Flask 3.2`, or `the next release of Werkzeug`.
        version: None if no announcement and no prerelease names one.
        announced: what it takes away.
        failures: on its prereleases.
        unnamed: what any later release may take away.
        prereleases: those that were run.
        passed: subjects with their titles, and the prerelease that they pass with.
        as_of, python: cutoff of the forecast, UTC, and the Python that it was made with.
        looked_at: how many packages the forecast looked at.
    """

    page: str
    package: str
    version: str | None
    title: str
    verdict: str
    announced: tuple[AnnouncedView, ...]
    failures: tuple[RiskView, ...]
    unnamed: tuple[AnnouncedView, ...]
    prereleases: tuple[str, ...]
    passed: tuple[tuple[str, str, str], ...]
    as_of: datetime
    python: str
    looked_at: int

    @property
    def heading(self) -> str:
        """Return the title as it begins a line."""
        return self.title if self.version else f"{self.title[0].upper()}{self.title[1:]}"


@dataclass(frozen=True, kw_only=True)
class ReleasesView:
    """All pages of releases.

    Attributes:
        pages: addresses by title of the release, for links to it.
        pages_of_risks: addresses by id of the risk.
    """

    past: tuple[ReleaseView, ...]
    next: tuple[NextReleaseView, ...]

    @property
    def pages(self) -> Mapping[str, str]:
        """Return the address of each published release, by title."""
        return {release.title: release.page for release in self.past}

    @property
    def pages_of_risks(self) -> Mapping[str, str]:
        """Return the address of the first release to come that a risk stands on, by its id."""
        pages: dict[str, str] = {}
        for release in self.next:
            groups = (*release.announced, *release.unnamed)
            for risk in (*release.failures, *(r for group in groups for r in group.risks)):
                pages.setdefault(risk.id, release.page)
        return pages


def release_page(name: str, version: str) -> str:
    """Return the address of the page of a release, relative to the site."""
    return f"releases/{name}-{re.sub(r'[^a-z0-9.]+', '-', version.lower())}.html"


def releases_view(
    matrix: Matrix,
    releases: Releases,
    breakages: Sequence[PastBreakageView],
    *,
    as_of: datetime | None,
    ongoing: Mapping[str, TodayView],
    forecast: Forecast | None,
) -> ReleasesView:
    """Return the pages of all releases.

    Args:
        matrix: gives titles.
        releases: what each did.
        breakages: views of the whole history.
        as_of: until when what goes on is counted, UTC; None without a run and a history.
        ongoing: failures of today, by id.
        forecast: that the releases to come were derived from.
    """
    by_id = {breakage.id: breakage for breakage in breakages}
    return ReleasesView(
        past=tuple(_release_view(matrix, r, by_id, as_of, ongoing) for r in releases.past),
        next=tuple(_next_view(matrix, release, forecast) for release in releases.next if forecast),
    )


def _release_view(
    matrix: Matrix,
    release: ReleaseFacts,
    by_id: Mapping[str, PastBreakageView],
    as_of: datetime | None,
    ongoing: Mapping[str, TodayView],
) -> ReleaseView:
    title = f"{wording.package_title(matrix, release.name)} {release.version}"
    begun = [harm for harm in release.harms if harm.began]
    ends = [(h.downtime.downtime.since, h.downtime.until or as_of) for h in begun]
    lasted = sum((end - since for since, end in ends if end), timedelta())
    return ReleaseView(
        page=release_page(release.name, release.version),
        package=release.name,
        title=title,
        verdict=_verdict(matrix, title, release),
        published=_published(release),
        day=release.published or release.seen,
        exact=release.published is not None,
        begun=tuple(_harm_view(harm, by_id) for harm in begun),
        continued=tuple(_harm_view(harm, by_id) for harm in release.harms if not harm.began),
        today=tuple(_today_view(pair, ongoing) for pair in release.today),
        pins=tuple(pin_view(matrix, pin) for pin in release.pins),
        broken=with_titles(matrix, release.broken),
        open=len(release.still_broken),
        days=span(lasted) if begun else "",
        hours=round(lasted / timedelta(hours=1)),
        passed=with_titles(matrix, release.passed),
        wheels=wheels_view(release.wheels),
    )


def _harm_view(harm: Harm, by_id: Mapping[str, PastBreakageView]) -> HarmView:
    breakage, cause = by_id[harm.downtime.id], harm.downtime.downtime.causes[harm.place]
    return HarmView(
        breakage=breakage,
        error=harm.downtime.titles[harm.place],
        who=f"{breakage.title} {cause.breakage.subject_version}".rstrip(),
        began=harm.began,
        since=cause.since,
        proved=breakage.causes[harm.place].proved,
        proof=breakage.causes[harm.place].proof,
        announced=breakage.causes[harm.place].warned,
    )


def _today_view(
    pair: tuple[OngoingFacts, ExplainedUses], ongoing: Mapping[str, TodayView]
) -> TodayHarmView:
    failure, uses = pair
    return TodayHarmView(card=ongoing[failure.breakage.id], since=uses.since)


def _verdict(matrix: Matrix, title: str, release: ReleaseFacts) -> str:
    """Return what a release broke, in words."""
    broken = release.broken
    if not broken:
        return f"Nothing that is tested here is known to have been broken by {title}."
    names = [matrix.title(subject) for subject in broken]
    text = f"{title} broke {_how_many(matrix, broken)}: {_some(names)}."
    if release.still_broken:
        return " ".join([text, *_still(matrix, release)])
    return (
        f"{text} {'This breakage is' if len(release.harms) == 1 else 'These breakages are'} fixed."
    )


def _still(matrix: Matrix, release: ReleaseFacts) -> Iterator[str]:
    """Yield what still fails because of a release: on a fresh install, or on some Pythons."""
    going_on = list(dict.fromkeys(h.downtime.subject for h in release.harms if h.goes_on))
    if going_on:
        who = f"{len(going_on)} of them still fail"
        if len(going_on) == 1:
            is_only = len(release.broken) == 1
            who = f"{'It' if is_only else matrix.title(going_on[0])} still fails"
        yield f"{who} on a fresh install."
    for ongoing, _ in release.today:
        subject, pythons = ongoing.breakage.subject, ", ".join(ongoing.breakage.pythons)
        if subject not in going_on:
            yield f"{matrix.title(subject)} still fails on Python {pythons}."


def _how_many(matrix: Matrix, subjects: Sequence[str]) -> str:
    """Return `3 packages and 1 example application`."""
    packages = sum(map(matrix.is_package, subjects))
    counts = ((packages, "package"), (len(subjects) - packages, "example application"))
    return " and ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in counts if n)


def _some(names: Sequence[str]) -> str:
    """Return the first names in words, and how many there are beside them."""
    if len(names) <= _NAMED + 1:
        return wording.join_words(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _published(release: ReleaseFacts) -> str:
    if release.published and release.name == PYTHON:
        return f"Published {wording.date(release.published)}."
    if release.published:
        return f"Published {wording.instant(release.published)}."
    if release.seen:
        return (
            f"First installed here as of {wording.instant(release.seen)}. When it was published is "
            "not stored; it was at that time or earlier."
        )
    return "When it was published is not stored."


def _next_view(matrix: Matrix, release: NextReleaseFacts, forecast: Forecast) -> NextReleaseView:
    package = wording.package_title(matrix, release.name)
    title = f"{package} {release.version}" if release.version else f"the next release of {package}"
    risks = [(risk, risk_view(matrix, risk)) for risk in release.risks]
    announced = [pair for pair in risks if pair[0].kind is Kind.ANNOUNCED]
    return NextReleaseView(
        page=release_page(release.name, release.version or "next"),
        package=release.name,
        version=release.version,
        title=title,
        verdict=_next_verdict(matrix, title, release, forecast.subjects),
        announced=_by_symbol(announced),
        failures=tuple(view for risk, view in risks if risk.kind is Kind.BROKEN),
        unnamed=_by_symbol((risk, risk_view(matrix, risk)) for risk in release.unnamed),
        prereleases=release.prereleases,
        passed=tuple((s, matrix.title(s), version) for s, version in release.passed),
        as_of=forecast.as_of,
        python=forecast.python,
        looked_at=forecast.subjects,
    )


def _by_symbol(risks: Iterable[tuple[Risk, RiskView]]) -> tuple[AnnouncedView, ...]:
    """Return risks grouped by what is taken away, in the order in which it first occurs."""
    groups: dict[tuple[str, str], list[RiskView]] = {}
    for risk, view in risks:
        groups.setdefault((risk.symbol, risk.text), []).append(view)
    return tuple(
        AnnouncedView(symbol=symbol, text=text, risks=tuple(views))
        for (symbol, text), views in groups.items()
    )


def _next_verdict(matrix: Matrix, title: str, release: NextReleaseFacts, looked_at: int) -> str:
    """Return what a release to come would break, in words."""
    announced = _subjects(risk for risk in release.risks if risk.kind is Kind.ANNOUNCED)
    failing = _subjects(risk for risk in release.risks if risk.kind is Kind.BROKEN)
    parts = []
    if announced:
        verb = "uses" if len(announced) == 1 else "use"
        names = _some([matrix.title(subject) for subject in announced])
        parts.append(
            f"{_how_many(matrix, announced)} tested here {verb} what is announced to be removed in "
            f"{title}: {names}."
        )
    if failing:
        verb = "fails" if len(failing) == 1 else "fail"
        names = _some([matrix.title(subject) for subject in failing])
        parts.append(f"{_how_many(matrix, failing)} {verb} with a prerelease of {title}: {names}.")
    if not parts:
        text = f"Nothing in {looked_at} packages is known to break with {title}."
        return text if not release.unnamed else _unnamed_verdict(matrix, title, release)
    return " ".join(parts)


def _unnamed_verdict(matrix: Matrix, title: str, release: NextReleaseFacts) -> str:
    subjects = _subjects(release.unnamed)
    verb = "uses" if len(subjects) == 1 else "use"
    return (
        f"{_how_many(matrix, subjects)} tested here {verb} what {title} may remove: "
        f"{_some([matrix.title(subject) for subject in subjects])}."
    )


def _subjects(risks: Iterable[Risk]) -> list[str]:
    return list(dict.fromkeys(risk.subject for risk in risks))
