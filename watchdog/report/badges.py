"""Builds badges as SVG, and as JSON for badge servers. Pure."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from watchdog.facts.evidence_level import EvidenceLevel
from watchdog.report.views.front import SubjectLine

_WORKS, _FAILS = "3f6b4a", "b3261e"
_OTHER_COLOUR = "6a645c"
_LETTER_WIDTH = 6.6
"""Pixels of an average letter at 11 px; SVG has no layout, so widths are estimated."""
_PADDING = 14


_TOO_LITTLE = (EvidenceLevel.IMPORTS, EvidenceLevel.READS)
"""Levels that do not earn the colour of what works."""


def badge_svg(line: SubjectLine) -> str:
    """Return a badge as a picture: a title on the left, symbol and word of a state on the right."""
    title, message = line.title, f"{line.symbol} {line.word}"
    left, right = (round(len(text) * _LETTER_WIDTH + _PADDING) for text in (title, message))
    svg = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=str(left + right),
        height="20",
        role="img",
    )
    svg.set("aria-label", f"{title}: {message}")
    ET.SubElement(svg, "title").text = f"{title}: {message}"
    ET.SubElement(svg, "rect", width=str(left), height="20", fill="#22201d")
    ET.SubElement(svg, "rect", x=str(left), width=str(right), height="20", fill=f"#{_colour(line)}")
    style = {"fill": "#ffffff", "font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11"}
    for x, text in ((7, title), (left + 7, message)):
        ET.SubElement(svg, "text", {"x": str(x), "y": "14"} | style).text = text
    return ET.tostring(svg, "unicode") + "\n"


def badge_json(line: SubjectLine) -> str:
    """Return a badge as JSON, in the format that badge servers (shields) read."""
    badge = {
        "schemaVersion": 1,
        "label": line.title,
        "message": line.word,
        "color": _colour(line),
    }
    return json.dumps(badge) + "\n"


def _colour(line: SubjectLine) -> str:
    if line.works is None or line.level in _TOO_LITTLE:
        return _OTHER_COLOUR
    return _WORKS if line.works else _FAILS
