"""Writes texts of packages into Markdown: none is markup, a mention or a link. Pure."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"\A(\d{1,9}(?=\.(?:\s|\Z))|)([-+=#.])")
"""What a line begins with that is a heading, a rule or an item of a list."""

_COMMENT = "<!--"
"""What begins a comment: the hidden line of an issue is one, and no package may write one."""


def escape(text: str) -> str:
    """Return text on one line that is no Markdown, mentions nobody and links no issue."""
    line = re.sub(r"([\\`*_\[\]()~|<>&])", r"\\\1", " ".join(text.split()))
    return without_mentions(_BLOCK.sub(r"\1\\\2", line))


def without_mentions(text: str) -> str:
    """Return text in which a zero-width space breaks every mention and every link to an issue."""
    return re.sub(r"([@#])(?=\w)", "\\1\u200b", text)


def code(text: str) -> str:
    """Return text between backticks, more of them than the text has in a row."""
    text = _without_comments(" ".join(text.split()))
    fence = "`" * (_longest_backticks(text) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def code_block(text: str, language: str = "") -> str:
    """Return text as a block of code, fenced by more backticks than the text has in a row."""
    text = _without_comments(text)
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _without_comments(text: str) -> str:
    return text.replace(_COMMENT, "<\u200b!--")


def _longest_backticks(text: str) -> int:
    return max((len(backticks) for backticks in re.findall("`+", text)), default=0)
