"""Which addresses the metadata of a release names."""

from __future__ import annotations

import pytest

from watchdog.model.project_links import is_address, links_in, normalise_label


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("", {}),
        ("Home-page: https://example.org/\n", {"home page": "https://example.org/"}),
        ("Home-page: UNKNOWN\n", {}),
        (
            "Home-page: https://example.org/old\nProject-URL: Homepage, https://example.org/\n",
            {"home page": "https://example.org/"},
        ),
        (
            "Project-URL: Source Code, https://example.org/s\n",
            {"repository": "https://example.org/s"},
        ),
        (
            "Project-URL: What's New, https://example.org/n\n",
            {"changelog": "https://example.org/n"},
        ),
        (
            "Project-URL: Release notes,https://example.org/n\n",
            {"changelog": "https://example.org/n"},
        ),
        (
            "Project-URL: Changes, https://example.org/1\nProject-URL: History, https://example.org/2\n",
            {"changelog": "https://example.org/1"},
        ),
        ("Project-URL: Chat, https://example.org/c\n", {}),
        ("Project-URL: Homepage, javascript:alert(1)\n", {}),
        ("Project-URL: Homepage\n", {}),
        ("\nProject-URL: Homepage, https://example.org/\n", {}),
    ],
)
def test_links_of_metadata(text: str, links: dict[str, str]) -> None:
    """Well-known labels are compared normalised; the first address of a kind counts."""
    assert links_in(text) == links


def test_label_is_normalised() -> None:
    """Punctuation, spaces and case of a label say nothing."""
    assert normalise_label("  What's-New! ") == "whatsnew"


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://example.org/", True),
        ("http://example.org", True),
        ("ftp://example.org/", False),
        ("//example.org/", False),
        ("https:///x", False),
        ("https://example.org@evil.example/", False),
        ("https://[::1", False),
        ("https://example.org/ x", False),
        ("https://example.org/>x", False),
        ('https://example.org/"x', False),
        ("https://example.org/\u202e", False),
        ("https://example.org/" + "x" * 500, False),
    ],
)
def test_address(text: str, linked: bool) -> None:
    """Only plain http and https addresses are linked."""
    assert is_address(text) is linked
