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
def test_addresses_of_an_index_are_hidden(text: str, expected: str) -> None:
    assert hide_urls(text) == expected


def test_paths_of_this_machine_and_hosts_become_words() -> None:
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
def test_what_a_terminal_would_act_on_is_gone(text: str) -> None:
    assert not set(printable(text)) & {"\x1b", "\x00", "\u202e", "\x9b", "\x07"}


@given(st.text(max_size=300))
def test_nothing_that_acts_is_left_and_lines_stay(text: str) -> None:
    shown = printable(text)
    bad = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not bad
    assert printable(shown) == shown
