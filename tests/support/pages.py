"""The pages of the documentation, and what tests read of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from home import ROOT

IN_ROOT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = (*IN_ROOT, *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^ *```(\S*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of a page in some languages."""
    for language, text in _FENCE.findall(read(page)):
        if language in languages:
            yield text


def prose(page: str) -> str:
    """Return the text of a page without its fenced blocks."""
    return _FENCE.sub("", read(page))


def headings(path: Path) -> list[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    found = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found]
