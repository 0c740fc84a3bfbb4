"""Builds the content of an error's page as JSON and as Markdown, for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from watchdog.report.api import Cured, cured
from watchdog.report.cure_text import cure_texts
from watchdog.report.markdown import escape
from watchdog.report.views import wording
from watchdog.report.views.errors import ErrorCaseView, ErrorView, PinnedCaseView
from watchdog.report.views.wording import breakage_page

# The names of these classes and fields, and their docstrings, are published in a schema.


@dataclass(frozen=True, kw_only=True)
class ErrorBreakage:
    """A period in which a package showed an error."""

    page: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class ErrorPackage:
    """A package that showed an error.

    Attributes:
        imports: names by which it stands in a traceback.
        today: whether a fresh install shows it today.
        type_instead: commands that were run and work; empty if none is known.
        breakages: when it showed the error, the latest first.
    """

    subject: str
    title: str
    imports: tuple[str, ...]
    today: bool
    type_instead: tuple[Cured, ...]
    breakages: tuple[ErrorBreakage, ...]


@dataclass(frozen=True, kw_only=True)
class PinnedReleases:
    """Pinned releases of {framework} that show an error today.

    Attributes:
        alone: whether it was installed without extensions.
        type_instead: was run for each of the versions; null if nothing was found.
    """

    versions: tuple[str, ...]
    alone: bool
    type_instead: Cured | None
    culprit: str | None
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer:
    """`errors/ADDRESS.json`: an error text, the packages that showed it, and what to type."""

    page: str
    error: str
    verdict: str
    packages: tuple[ErrorPackage, ...]
    pinned: tuple[PinnedReleases, ...]


def error_answer(view: ErrorView) -> ErrorAnswer:
    """Return the content of an error's page."""
    return ErrorAnswer(
        page=view.page,
        error=view.title,
        verdict=view.verdict,
        packages=tuple(_package(case) for case in view.cases),
        pinned=tuple(_pinned(case) for case in view.pinned),
    )


def _package(case: ErrorCaseView) -> ErrorPackage:
    cures = [cured(cure) for view in case.now for cure in view.cures]
    if case.fresh:
        fresh = case.fresh
        cures += [
            Cured(typed=typed, pythons=fresh.pythons, checked=fresh.as_of)
            for _, typed in fresh.typed
        ]
    pages = [page for view in case.now for page in view.pages]
    now = [ErrorBreakage(page=breakage_page(p), verdict="It is not fixed yet.") for p in pages]
    past = [ErrorBreakage(page=breakage_page(b.id), verdict=b.verdict) for b in case.past]
    return ErrorPackage(
        subject=case.subject,
        title=case.title,
        imports=case.imports,
        today=bool(case.now),
        type_instead=tuple(cures),
        breakages=(*now, *past),
    )


def _pinned(case: PinnedCaseView) -> PinnedReleases:
    cure = case.cure and Cured(typed=case.cure, pythons=(case.python,), checked=case.checked)
    return PinnedReleases(
        versions=case.versions,
        alone=case.alone,
        type_instead=cure or None,
        culprit=case.culprit,
        since=case.since,
    )


def error_markdown(answer: ErrorAnswer, framework: str) -> str:
    """Return the content of an error's page as Markdown; `framework` is its title."""
    lines = [f"# {escape(answer.error)}", "", escape(answer.verdict), ""]
    for package in answer.packages:
        names = ", ".join(f"`{name}`" for name in package.imports)
        lines += [f"## {escape(package.title)}" + (f" ({names})" if names else ""), ""]
        for text in cure_texts(package.type_instead) or ["What to type instead is not known."]:
            lines += [text, ""]
        lines += [f"- [{escape(b.verdict)}](../{b.page})" for b in package.breakages]
        lines.append("")
    for pinned in answer.pinned:
        lines += _pinned_lines(pinned, framework)
    return "\n".join(lines).rstrip() + "\n"


def _pinned_lines(pinned: PinnedReleases, framework: str) -> Iterator[str]:
    beside = "" if pinned.alone else ", with extensions of its time pinned"
    yield f"## {escape(framework)} {', '.join(pinned.versions)}{beside}"
    yield ""
    cures = cure_texts([pinned.type_instead] if pinned.type_instead else ())
    yield from (*(cures or ["No versions were found that work."]), "")
    if pinned.since:
        because = f", because of {escape(pinned.culprit)}" if pinned.culprit else ""
        yield from (f"Since {wording.date(pinned.since)}{because}.", "")
