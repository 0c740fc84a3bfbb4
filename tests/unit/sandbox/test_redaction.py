from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.sandbox.redaction import Redactor, hide_urls, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("get https://me:secret@index.example/simple/flask/ now", "get <index>/flask now"),
        ("at http://127.0.0.1:8000/simple/", "at http://127.0.0.1:8000/simple/"),
        ("at http://me:secret@127.0.0.1:8000/simple/", "at <index>/simple"),
        ("from file:///home/x/y.whl", "from <file>"),
        ("no address", "no address"),
    ],
)
def test_hide_urls(text: str, expected: str) -> None:
    """Addresses of an index and of files are replaced, loopback addresses are kept."""
    assert hide_urls(text) == expected


def test_redactor_paths_and_hosts() -> None:
    """Redactor replaces paths of the machine and private hosts with fixed words."""
    redact = Redactor(
        frozenset({"files.example"}),
        {
            "/tmp/fw/c1/env": "<env>",
            "/home/me": "~",
            "/usr/python": "<python>",
            "/fw/packages": "<store>",
        },
    )
    assert redact("/tmp/fw/c1/env/lib/python3.11/site-packages/a.py") == "site-packages/a.py"
    assert redact("/usr/python/lib/python3.11/json/x.py") == "python/json/x.py"
    assert redact("/fw/packages/any/a-1.0-2aa/site-packages/a.py") == "site-packages/a.py"
    assert redact("https://u:p@files.example/x and files.example") == "<index>/x and <index>"
    assert redact("/home/me/notes") == "~/notes"


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\x00b", "\u202etxt.exe", "\x9b31m"]
)
def test_printable_removes_control_sequences(text: str) -> None:
    """Characters that a terminal would act on are removed."""
    assert not set(printable(text)) & {"\x1b", "\x00", "\u202e", "\x9b", "\x07"}


@given(st.text(max_size=300))
def test_printable_keeps_lines(text: str) -> None:
    """All control characters are removed except line breaks and tabs."""
    shown = printable(text)
    bad = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not bad
    assert printable(shown) == shown
