"""Builds the Atom feed and the sitemap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from watchdog.matrix.schema import Matrix
from watchdog.report.views.forecast import ForecastView
from watchdog.report.views.front import SiteView
from watchdog.report.views.history import HistoryView, PastBreakageView
from watchdog.report.views.wording import breakage_page

_ATOM = "http://www.w3.org/2005/Atom"

_MAX_BREAKAGE_ENTRIES = 50


def feed(matrix: Matrix, site: SiteView, forecast: ForecastView | None = None) -> str:
    """Return an Atom feed (RFC 4287) of breakages, fixes and risks.

    The id of an entry never changes, so a feed reader shows it once.
    """
    ET.register_namespace("", _ATOM)
    tag = f"tag:{matrix.framework}-compatibility-watchdog,2026"
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add_text(root, "title", matrix.site.title)
    _add_text(root, "id", f"{tag}:feed")
    _add_text(root, "updated", _timestamp(site.front.as_of))
    _add_text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", matrix.site.title)
    _add_link(root, "feed.xml", "self")
    _add_link(root, "index.html", "alternate")
    _add_breakages(root, tag, site.history)
    for risk in forecast.next if forecast else ():
        _add_entry(
            root,
            title=f"{risk.who} may break: {risk.symbol}",
            entry_id=f"{tag}:forecast/{risk.id}",
            updated=risk.seen or site.front.as_of,
            href=f"forecast.html#{risk.id}",
            summary=f"{risk.when}: {risk.text}",
        )
    return _document(root)


def _add_breakages(root: ET.Element, tag: str, history: HistoryView) -> None:
    """Add the latest beginnings and ends of breakages, the latest first."""
    events: list[tuple[datetime, str, PastBreakageView]] = []
    for breakage in history.breakages:
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
            href=breakage_page(breakage.id),
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
