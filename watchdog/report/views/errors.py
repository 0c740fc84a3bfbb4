"""The pages of error texts as plain values: who showed an error, when, and what to type. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.utils import canonicalize_name

from watchdog.facts.errors import KnownError, normal_form
from watchdog.matrix.schema import Matrix
from watchdog.model.history import PinStatus
from watchdog.report.views import wording
from watchdog.report.views.breakages import TodayView
from watchdog.report.views.front import FreshView, SiteView, SubjectLine
from watchdog.report.views.history import HistoryView, PastBreakageView, release_title
from watchdog.report.views.pins import pin_view
from watchdog.report.views.tables import natural_key


@dataclass(frozen=True, kw_only=True)
class ErrorCaseView:
    """A package that showed an error.

    Attributes:
        imports: names by which it stands in a traceback.
        now: failures of a fresh install today with this error.
        past: breakages that showed it, the latest first, those that go on left out.
        fresh: a fresh install that works today; None if there is none.
        fails_otherwise: errors of a fresh install today, if it is not this one that fails.
    """

    subject: str
    title: str
    imports: tuple[str, ...]
    now: tuple[TodayView, ...]
    past: tuple[PastBreakageView, ...]
    fresh: FreshView | None
    fails_otherwise: tuple[str, ...]

    @property
    def only_older(self) -> bool:
        """Whether a fresh install shows it today, but works on a newer Python."""
        shows = [python for view in self.now for python in view.pythons]
        works = [python for view in self.now for python in view.works_on]
        newest = max((*shows, *works), key=natural_key, default="")
        return bool(shows) and newest not in shows


@dataclass(frozen=True, kw_only=True)
class PinnedCaseView:
    """Pinned releases of the framework that show an error and have the same cure.

    Attributes:
        versions: in ascending order.
        alone: whether the framework was installed without extensions.
        typed: what was typed for the newest of them.
        cure: what to type instead; None if nothing was found.
        culprit: the release with which it began; None if that is not known.
        since: the first day on which one of them failed, UTC.
    """

    versions: tuple[str, ...]
    alone: bool
    typed: str
    cure: str | None
    culprit: str | None
    since: datetime | None
    checked: datetime
    python: str

    @property
    def range(self) -> str:
        """The versions as `1.0 to 2.3.3`, or `1.0` if it is one."""
        return _range(self.versions)


@dataclass(frozen=True, kw_only=True)
class ErrorView:
    """The page of an error.

    Attributes:
        forms: normal forms of the texts that lead to it, beside that of the title.
        packages: canonical names of the packages that showed it or stand in its tracebacks.
        verdict: who showed it and who does today, in a sentence or two.
        last: when it was last seen to begin, UTC; None where no record shows it.
    """

    address: str
    title: str
    forms: tuple[str, ...]
    packages: tuple[str, ...]
    verdict: str
    cases: tuple[ErrorCaseView, ...]
    pinned: tuple[PinnedCaseView, ...]
    last: datetime | None

    @property
    def page(self) -> str:
        """Its address, relative to the site."""
        return error_page(self.address)

    @property
    def today(self) -> bool:
        """Whether a fresh install shows it today."""
        return any(case.now for case in self.cases)


def error_page(address: str) -> str:
    """Return the address of an error's page, relative to the site."""
    return f"errors/{address}.html"


def error_views(
    matrix: Matrix, errors: Iterable[KnownError], history: HistoryView, site: SiteView | None
) -> tuple[ErrorView, ...]:
    """Return the page of each error, those of today first, then the latest first."""
    past = {breakage.id: breakage for breakage in history.breakages}
    todays = site.front.on_fresh_installs if site else ()
    fresh = site.fresh if site else {}
    views = [_error_view(matrix, error, past, todays, fresh) for error in errors]

    def order(view: ErrorView) -> tuple[bool, float, str]:
        return not view.today, -view.last.timestamp() if view.last else 0.0, view.address

    return tuple(sorted(views, key=order))


def _error_view(
    matrix: Matrix,
    error: KnownError,
    past: Mapping[str, PastBreakageView],
    todays: Sequence[TodayView],
    fresh: Mapping[str, FreshView],
) -> ErrorView:
    failing = {(o.breakage.id, o.breakage.pythons) for o in error.ongoing}
    now = [view for view in todays if (view.id, view.pythons) in failing]
    breakages = [past[d.id] for d in error.downtimes if d.id in past]
    cases = tuple(
        _case(matrix, error, subject, now, breakages, todays, fresh.get(subject))
        for subject in _most_used_first(matrix, error)
    )
    pinned = tuple(_pinned_cases(matrix, error.pins))
    began = [breakage.began for breakage in breakages]
    began += [view.main_span.since for view in now if view.main_span]
    return ErrorView(
        address=error.address,
        title=error.title,
        forms=tuple(form for form in error.forms if form != normal_form(error.title)),
        packages=tuple(sorted({*map(canonicalize_name, error.packages), *error.subjects})),
        verdict=_verdict(matrix, cases, error.pins),
        cases=cases,
        pinned=pinned,
        last=max(began, default=None),
    )


def _most_used_first(matrix: Matrix, error: KnownError) -> list[str]:
    """Return the subjects of an error: packages before scenarios, those of today first."""
    today = {ongoing.breakage.subject for ongoing in error.ongoing}

    def order(subject: str) -> tuple[bool, bool, float]:
        return not matrix.is_package(subject), subject not in today, matrix.download_rank(subject)

    return sorted(error.subjects, key=order)


def _case(
    matrix: Matrix,
    error: KnownError,
    subject: str,
    now: Sequence[TodayView],
    breakages: Sequence[PastBreakageView],
    todays: Sequence[TodayView],
    fresh: FreshView | None,
) -> ErrorCaseView:
    own = tuple(view for view in now if view.subject == subject)
    names = tuple(name for name in error.packages if canonicalize_name(name) == subject)
    others = (view.error for view in todays if view.subject == subject and view not in own)
    told_now = {page for view in own for page in view.pages}
    return ErrorCaseView(
        subject=subject,
        title=matrix.title(subject),
        imports=names,
        now=own,
        past=tuple(b for b in breakages if b.subject == subject and b.id not in told_now),
        fresh=fresh,
        fails_otherwise=() if own else tuple(dict.fromkeys(others)),
    )


def _pinned_cases(matrix: Matrix, pins: Sequence[PinStatus]) -> Iterable[PinnedCaseView]:
    """Yield pinned releases grouped by cure, the newest first."""
    groups: dict[tuple[object, ...], list[PinStatus]] = defaultdict(list)
    for pin in pins:
        alone = pin.subject == matrix.framework
        groups[alone, pin.pins, pin.culprit, pin.python].append(pin)
    for own in groups.values():
        newest = pin_view(matrix, own[0])
        yield PinnedCaseView(
            versions=tuple(pin.version for pin in reversed(own)),
            alone=newest.alone,
            typed=newest.typed,
            cure=newest.cure,
            culprit=release_title(matrix, own[0].culprit),
            since=min((pin.rotted_on for pin in own if pin.rotted_on), default=None),
            checked=own[0].checked,
            python=own[0].newest_python or own[0].python,
        )


def _verdict(matrix: Matrix, cases: Sequence[ErrorCaseView], pins: Sequence[PinStatus]) -> str:
    """Return who shows an error today and who showed it, in sentences."""
    today = _named(matrix, [case for case in cases if case.now and not case.only_older])
    older = _named(matrix, [case for case in cases if case.only_older])
    past = _named(matrix, [case for case in cases if not case.now])
    parts = []
    if today:
        what = "A fresh install of" if len(today) == 1 else "Fresh installs of"
        verb = "shows" if len(today) == 1 else "show"
        parts.append(f"{what} {wording.join_words(today)} {verb} it today.")
    if older:
        names = wording.join_words(older)
        parts.append(f"On older Pythons only, a fresh install of {names} shows it today.")
    if past:
        also = "also " if today or older else ""
        parts.append(f"{wording.join_words(past)} {also}showed it in the past.")
    framework = matrix.title(matrix.framework)
    for alone, beside in ((True, ""), (False, ", with extensions of its time pinned,")):
        own = [pin for pin in pins if (pin.subject == matrix.framework) is alone]
        if own:
            which = _range([pin.version for pin in reversed(own)])
            parts.append(f"An install of {framework} {which}{beside} shows it today.")
    return " ".join(parts)


_NAMED = 5
"""How many packages a sentence names."""


def _named(matrix: Matrix, cases: Sequence[ErrorCaseView]) -> list[str]:
    """Return the titles of packages, and how many there are beside; scenarios are only counted.

    A scenario repeats what an extension suffers; it is named where there is nothing else.
    """
    packages = [case.title for case in cases if matrix.is_package(case.subject)]
    scenarios = [case.title for case in cases if not matrix.is_package(case.subject)]
    if not packages:
        packages, scenarios = scenarios, []
    named, left = packages[:_NAMED], len(packages) - _NAMED
    if left > 0:
        named.append(f"{left} more package{'s' if left > 1 else ''}")
    if scenarios:
        count = len(scenarios)
        named.append(f"{count} example application{'s' if count > 1 else ''}")
    return named


def _range(versions: Sequence[str]) -> str:
    """Return versions in ascending order as `1.0 to 2.3.3`, or `1.0` if it is one."""
    first, last = versions[0], versions[-1]
    return first if first == last else f"{first} to {last}"


# --- the index for the search box ----------------------------------------------------------------


def search_script(
    matrix: Matrix, views: Sequence[ErrorView], site: SiteView, tail: Sequence[SubjectLine] = ()
) -> str:
    """Return a script with what the search box looks errors and names up in.

    The packages of the long `tail` are found by their names.

    It is a script because a page opened from disk may load scripts but fetch nothing.
    """
    rows = [_row(matrix, view) for view in views]
    cures = {
        view.subject: [view.cures[0].typed, list(view.cures[0].pythons)]
        for view in reversed(site.front.on_fresh_installs)
        if view.cures
    }
    names = [
        [*_words_of(line), *(cures.get(line.subject, ()) if line.works is False else ())]
        for line in (*site.front.subjects, *tail)
    ]
    data = {"errors": rows, "subjects": names, "as_of": f"{site.front.as_of:%Y-%m-%d}"}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return "window.WATCHDOG_SEARCH=" + text.replace("<", "\\u003c") + ";\n"


def _words_of(line: SubjectLine) -> tuple[str, str, str, str, str]:
    """Return name, title, state, symbol and version of a subject."""
    return line.subject, line.title, line.word, line.symbol, line.version or ""


def _row(matrix: Matrix, view: ErrorView) -> list[Any]:
    """Return address, title, further forms, packages, verdict, 1 if it fails today, and cures."""
    cures: list[list[Any]] = [
        [case.subject, case.title, *typed] for case in view.cases if (typed := _typed(case))
    ]
    for pinned in view.pinned:
        if pinned.cure and pinned.alone:
            title = f"{matrix.title(matrix.framework)} {pinned.range}, pinned"
            cures.append([matrix.framework, title, pinned.cure, [pinned.python]])
    found_by = [view.title, view.forms, view.packages]
    return [view.address, *found_by, view.verdict, int(view.today), cures]


def _typed(case: ErrorCaseView) -> tuple[str, list[str]] | None:
    """Return what to type for a package that shows an error, and on which Pythons it was run."""
    for view in case.now:
        for cure in view.cures:
            return cure.typed, list(cure.pythons)
    return (case.fresh.typed[0][1], list(case.fresh.pythons)) if case.fresh else None
