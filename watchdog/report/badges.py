"""Badges as SVG and as JSON for shields. Pure."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

_COLOURS = {"works": "3f6b4a", "breaks": "b3261e"}


def colour(word: str) -> str:
    return _COLOURS.get(word, "6a645c")


def endpoint(title: str, word: str) -> str:
    """A badge as data, in the form that badge servers read."""
    told = {"schemaVersion": 1, "label": title, "message": word, "color": colour(word)}
    return json.dumps(told) + "\n"


def badge(title: str, message: str, colour: str) -> str:
    """A badge as a picture."""
    left, right = (round(len(text) * 6.6 + 14) for text in (title, message))
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
    ET.SubElement(svg, "rect", x=str(left), width=str(right), height="20", fill=f"#{colour}")
    style = {"fill": "#ffffff", "font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11"}
    for x, text in ((7, title), (left + 7, message)):
        ET.SubElement(svg, "text", {"x": str(x), "y": "14"} | style).text = text
    return ET.tostring(svg, "unicode") + "\n"
