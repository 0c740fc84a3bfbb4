"""The Atom feed and the sitemap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from watchdog.matrix.schema import Matrix
from watchdog.report.views.forecast import ForecastView
from watchdog.report.views.front import SiteView
from watchdog.report.views.history import PastBreakageView
from watchdog.report.views.wording import breakage_page

_ATOM = "http://www.w3.org/2005/Atom"

_NEWS = 50


def feed(matrix: Matrix, site: SiteView, outlook: ForecastView | None = None) -> str:
    """An Atom feed (RFC 4287): what broke, what was mended, what is to come; ids never change."""
    ET.register_namespace("", _ATOM)
    tag = f"tag:{matrix.framework}-compatibility-watchdog,2026"
    root = ET.Element(f"{{{_ATOM}}}feed")
    _text(root, "title", matrix.site.title)
    _text(root, "id", f"{tag}:feed")
    _text(root, "updated", _instant(site.front.as_of))
    _text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", matrix.site.title)
    _link(root, "feed.xml", "self")
    _link(root, "index.html", "alternate")
    news: list[tuple[datetime, str, PastBreakageView]] = []
    for view in site.chronicle.breakages:
        news.append((view.began, "broke", view))
        if view.ended:
            news.append((view.ended, "mended", view))
    for when, what, view in sorted(news, key=lambda n: n[0], reverse=True)[:_NEWS]:
        entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
        verb = "broke" if what == "broke" else "works again"
        _text(entry, "title", f"{view.who} {verb}: {view.error}")
        _text(entry, "id", f"{tag}:{what}/{view.id}")
        _text(entry, "updated", _instant(when))
        _link(entry, breakage_page(view.id), "alternate")
        _text(entry, "summary", view.verdict + (f" {view.cure}" if view.cure else ""))
    for threat in outlook.next if outlook else ():
        entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
        _text(entry, "title", f"{threat.who} may break: {threat.symbol}")
        _text(entry, "id", f"{tag}:forecast/{threat.id}")
        _text(entry, "updated", _instant(threat.seen or site.front.as_of))
        _link(entry, f"forecast.html#{threat.id}", "alternate")
        _text(entry, "summary", f"{threat.when}: {threat.text}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = text


def _link(parent: ET.Element, href: str, rel: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", href=href, rel=rel)


def _instant(value: datetime) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def sitemap(url: str, pages: Sequence[str]) -> str:
    """The pages with whole addresses (sitemaps.org, protocol 0.9)."""
    root = ET.Element("urlset", xmlns="http://www.sitemaps.org/schemas/sitemap/0.9")
    for page in pages:
        ET.SubElement(ET.SubElement(root, "url"), "loc").text = url + page
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"
