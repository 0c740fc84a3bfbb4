"""Removes secrets, hosts, paths and control characters from untrusted output. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"`)<>]+", re.IGNORECASE)
_SITE_PACKAGES = re.compile(
    r"(?:<env>[/\\](?:lib[/\\]python[\d.]+|Lib)|<store>(?:[/\\][^/\\\s\"']+){2})[/\\]site-packages"
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_STDLIB = re.compile(r"<python>[/\\](?:lib[/\\]python[\d.]+|Lib)(?=[/\\])")
# Everything a terminal, a log viewer or a workflow would act on; tab and newline stay.
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def hide_urls(text: str) -> str:
    """Replace every URL in the output of resolver and installer, except those of loopback.

    A URL of loopback that holds credentials is replaced as well.
    """

    def replacement(match: re.Match[str]) -> str:
        try:
            parts = urlsplit(match.group())
            host = parts.hostname or ""
        except ValueError:
            return "<url>"
        if host in ("127.0.0.1", "localhost", "::1") and "@" not in parts.netloc:
            return match.group()
        if parts.scheme == "file":
            return "<file>"
        name = parts.path.rstrip("/").rsplit("/", 1)[-1]
        return f"<index>/{name}" if name else "<index>"

    return _URL.sub(replacement, text)


def printable(text: str) -> str:
    """Return a text without escape sequences, control characters and direction marks."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n"))
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Redactor:
    """Makes untrusted output fit for ledger, terminal and page.

    Attributes:
        hosts: names of registry hosts (index and files) that must not appear.
        paths: folders of this machine and what to write instead, `{"/tmp/x/env": "<env>"}`.
    """

    hosts: frozenset[str] = frozenset()
    paths: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """Return a text without these hosts and paths, and printable."""
        for path in sorted(self.paths, key=len, reverse=True):
            text = text.replace(path, self.paths[path])
        text = _STDLIB.sub("python", _SITE_PACKAGES.sub("site-packages", printable(text)))
        text = _ADDRESS.sub("0x…", text)  # of objects in memory: different in every run
        for host in self.hosts:
            text = re.sub(rf"(?:\w+://)?(?:[^\s/@]+@)?{re.escape(host)}", "<index>", text)
        return text


def cut_middle(text: str, most: int) -> str:
    """Cut a text to about `most` characters: its beginning, how much was cut, and its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters cut …]\n{text[-half:]}"
