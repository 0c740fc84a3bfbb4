"""Builds the Atom feeds and the sitemap. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from watchdog.matrix.schema import Matrix
from watchdog.report.views.forecast import ForecastView, RiskView
from watchdog.report.views.front import SiteView
from watchdog.report.views.history import PastBreakageView
from watchdog.report.views.releases import ReleasesView
from watchdog.report.views.wording import breakage_page, subject_feed

_ATOM = "http://www.w3.org/2005/Atom"

_MAX_BREAKAGE_ENTRIES = 50


def feed(matrix: Matrix, site: SiteView, forecast: ForecastView | None = None) -> str:
    """Return the feed of all breakages, fixes and risks."""
    return _feed(
        matrix,
        site.front.as_of,
        _Feed(
            path="feed.xml",
            title=matrix.site.title,
            alternate="index.html",
            breakages=site.history.breakages,
            risks=forecast.next if forecast else (),
        ),
    )


STACK_FEED = "feeds/stack.xml"
"""Address of the feed of what releases of the stack broke."""


def more_feeds(
    matrix: Matrix, site: SiteView, forecast: ForecastView | None, releases: ReleasesView
) -> Iterator[tuple[str, str]]:
    """Yield path within the site and text of the feeds of subjects, and of that of the stack."""
    risks = forecast.next if forecast else ()
    every = site.history.breakages
    for view in site.subjects:
        own = _Feed(
            path=subject_feed(view.subject),
            title=f"{view.title}: what broke it, what works again",
            alternate=f"subjects/{view.subject}.html",
            breakages=tuple(b for b in every if b.subject == view.subject),
            risks=tuple(risk for risk in risks if risk.subject == view.subject),
        )
        yield own.path, _feed(matrix, site.front.as_of, own)
    stack = {*matrix.core_names, *matrix.stack_names}
    caused = {
        harm.breakage.id
        for release in releases.past
        if release.package in stack
        for harm in (*release.begun, *release.continued)
    }
    titles = f"{matrix.title(matrix.framework)}, {matrix.title(matrix.foundation)}"
    own = _Feed(
        path=STACK_FEED,
        title=f"What releases of {titles} and the rest of the stack broke",
        alternate="releases.html",
        breakages=tuple(b for b in every if b.id in caused),
        risks=risks,
    )
    yield own.path, _feed(matrix, site.front.as_of, own)


@dataclass(frozen=True, kw_only=True)
class _Feed:
    """What a feed tells.

    Attributes:
        path: address of the feed within the site.
        alternate: address of the page that shows the same.
    """

    path: str
    title: str
    alternate: str
    breakages: Sequence[PastBreakageView]
    risks: Sequence[RiskView]

    @property
    def root(self) -> str:
        """The way from the feed to the root of the site."""
        return "../" * self.path.count("/")


def _feed(matrix: Matrix, as_of: datetime, own: _Feed) -> str:
    """Return an Atom feed (RFC 4287).

    The id of an entry never changes and is the same in every feed, so a feed reader shows it once.
    """
    ET.register_namespace("", _ATOM)
    tag = f"tag:{matrix.framework}-compatibility-watchdog,2026"
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add_text(root, "title", own.title)
    _add_text(root, "id", f"{tag}:{own.path.removesuffix('.xml')}")
    _add_text(root, "updated", _timestamp(as_of))
    _add_text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", matrix.site.title)
    _add_link(root, own.root + own.path, "self")
    _add_link(root, own.root + own.alternate, "alternate")
    _add_breakages(root, tag, own)
    for risk in own.risks:
        _add_entry(
            root,
            title=f"{risk.who} may break: {risk.symbol}",
            entry_id=f"{tag}:forecast/{risk.id}",
            updated=risk.seen or as_of,
            href=f"{own.root}forecast.html#{risk.id}",
            summary=f"{risk.when}: {risk.text}",
        )
    return _document(root)


def _add_breakages(root: ET.Element, tag: str, own: _Feed) -> None:
    """Add the latest beginnings and ends of breakages, the latest first."""
    events: list[tuple[datetime, str, PastBreakageView]] = []
    for breakage in own.breakages:
        events.append((breakage.began, "broke", breakage))
        if breakage.ended and breakage.exact_end:
            events.append((breakage.ended, "mended", breakage))
    events.sort(key=lambda event: event[0], reverse=True)
    for instant, event, breakage in events[:_MAX_BREAKAGE_ENTRIES]:
        verb = "broke" if event == "broke" else "works again"
        _add_entry(
            root,
            title=f"{breakage.who} {verb}: {breakage.error}",
            entry_id=f"{tag}:{event}/{breakage.id}",
            updated=instant,
            href=own.root + breakage_page(breakage.id),
            summary=breakage.verdict + (f" {breakage.cure}" if breakage.cure else ""),
        )


def _add_entry(
    root: ET.Element, *, title: str, entry_id: str, updated: datetime, href: str, summary: str
) -> None:
    entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
    _add_text(entry, "title", title)
    _add_text(entry, "id", entry_id)
    _add_text(entry, "updated", _timestamp(updated))
    _add_link(entry, href, "alternate")
    _add_text(entry, "summary", summary)


def _add_text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = text


def _add_link(parent: ET.Element, href: str, rel: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", href=href, rel=rel)


def _timestamp(value: datetime) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def sitemap(url: str, pages: Sequence[str]) -> str:
    """Return a sitemap (sitemaps.org, protocol 0.9), which requires whole addresses.

    Args:
        url: address of the site, with a slash at its end.
        pages: paths of the pages within the site.
    """
    root = ET.Element("urlset", xmlns="http://www.sitemaps.org/schemas/sitemap/0.9")
    for page in pages:
        ET.SubElement(ET.SubElement(root, "url"), "loc").text = url + page
    return _document(root)


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"
