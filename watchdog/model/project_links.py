"""Where a project lives, as the metadata of its releases names it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.parser import HeaderParser
from urllib.parse import urlsplit

HOME_PAGE, REPOSITORY, CHANGELOG = "home page", "repository", "changelog"
DOCUMENTATION, ISSUES = "documentation", "issues"

_LABELS: Mapping[str, str] = {
    "homepage": HOME_PAGE,
    "source": REPOSITORY,
    "repository": REPOSITORY,
    "sourcecode": REPOSITORY,
    "github": REPOSITORY,
    "changelog": CHANGELOG,
    "changes": CHANGELOG,
    "releasenotes": CHANGELOG,
    "whatsnew": CHANGELOG,
    "history": CHANGELOG,
    "documentation": DOCUMENTATION,
    "docs": DOCUMENTATION,
    "issues": ISSUES,
    "bugs": ISSUES,
    "issue": ISSUES,
    "tracker": ISSUES,
    "issuetracker": ISSUES,
    "bugtracker": ISSUES,
}
"""Kind of link by normalised label: the well-known labels of the PyPA's specification."""

KINDS = tuple(dict.fromkeys(_LABELS.values()))
"""The kinds of links, in the order in which they are shown."""

_REMOVED = str.maketrans("", "", string.punctuation + string.whitespace)
_NEVER = frozenset(' <>"\\`')
"""What no address contains unescaped (RFC 3986); in a page or in Markdown it could end the link."""

_LONGEST = 500
"""Characters of an address; a longer one is not shown."""


@dataclass(frozen=True, kw_only=True)
class ProjectLinks:
    """The addresses that a release's metadata names.

    Attributes:
        version: of the release that was read.
        as_of: cutoff of the run that read it, UTC.
        links: address by kind, one of KINDS; each begins with http:// or https://.
    """

    version: str
    as_of: datetime
    links: Mapping[str, str]


def normalise_label(label: str) -> str:
    """Return a label as the well-known ones are compared: no punctuation, no spaces, lower case."""
    return label.translate(_REMOVED).lower()


def links_in(metadata: str) -> dict[str, str]:
    """Return the addresses in the core metadata of a release, by kind.

    Of several with the same kind the first counts. `Home-page` counts where no URL is labelled so.
    """
    message = HeaderParser().parsestr(metadata)
    found: dict[str, str] = {}
    entries = [str(entry).partition(",") for entry in message.get_all("Project-URL", [])]
    entries.append(("homepage", ",", str(message.get("Home-page", ""))))
    for label, _, url in entries:
        kind, address = _LABELS.get(normalise_label(label)), url.strip()
        if kind and is_address(address):
            found.setdefault(kind, address)
    return found


def is_address(text: str) -> bool:
    """Return whether a text is an address that a page may link: http or https, and nothing else.

    One with a user name could hide where it leads, so it is none.
    """
    if len(text) > _LONGEST or not text.isprintable() or _NEVER & set(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
