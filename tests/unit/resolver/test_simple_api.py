"""Pages of the index: read in both forms, asked about any instant, kept and read again."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.release import File
from watchdog.resolver.simple_api import Page, just_after, parse_page, to_releases


@given(st.text(max_size=300))
def test_parse_page_any_text(text: str) -> None:
    """Any text gives files or a ValueError."""
    for kind in ("application/json", "text/html", "text/plain"):
        try:
            parse_page(kind, text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/json", "[" * 100_000),
        ("text/html", "<![doctypel[<a>"),
        ("text/html", "<!doctype h<x>"),
    ],
)
def test_parse_page_malformed(kind: str, text: str) -> None:
    """Malformed pages give no files or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_page(kind, text) == ()


def test_parse_page_empty_hash() -> None:
    """An empty hash is read as None."""
    (html,) = parse_page("text/html", '<a href="/x-1.0.zip#sha256=">x</a>')
    (told,) = parse_page(
        "application/json", '{"files": [{"filename": "x-1.0.zip", "hashes": {"sha256": ""}}]}'
    )
    assert (html.sha256, told.sha256) == (None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["files", "filename", "upload-time", "yanked"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_parse_page_any_json(value: object) -> None:
    """Any JSON value gives files or a ValueError."""
    with contextlib.suppress(ValueError):
        parse_page("application/json", json.dumps(value))


@given(st.lists(st.text(max_size=30)))
def test_to_releases_any_file_name(names: list[str]) -> None:
    """File names that are not valid do not raise an exception."""
    to_releases("x", [File(n, None) for n in names], day(1))


def page(*files: tuple[str, datetime | None]) -> Page:
    return Page.of("flask", [File(name, uploaded) for name, uploaded in files])


def wheel(version: str) -> str:
    return f"flask-{version}-py3-none-any.whl"


def test_page_state_changes_with_arrivals() -> None:
    """The state of a page changes only when a file arrives."""
    read = page((wheel("1.0"), day(1)), (wheel("2.0"), day(5)))
    states = [read.state(day(n)) for n in range(8)]
    assert states == [states[0]] * 2 + [states[2]] * 4 + [states[6]] * 2
    assert len(set(states)) == 3


def test_page_cutoff_in_milliseconds() -> None:
    """A cutoff is compared in milliseconds, as uv does."""
    arrival = day(1) + timedelta(microseconds=636_262)
    read = page((wheel("1.0"), arrival))
    assert read.files("1.0", arrival + timedelta(microseconds=1)) == ()
    assert len(read.files("1.0", just_after(arrival))) == 1
    assert read.state(arrival) == read.state(day(0)) != read.state(just_after(arrival))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [wheel("1.0"), wheel("1.0.0"), "flask-1.0.tar.gz", "flask-x.zip", "y.whl"]
            ),
            st.none() | st.integers(0, 9).map(day),
        ),
        max_size=6,
    ),
    st.integers(0, 10).map(day),
)
def test_page_round_trip(files: list[tuple[str, datetime | None]], instant: datetime) -> None:
    """A page that was stored and read again gives the same answers at every instant."""
    read = page(*files)
    again = Page.from_json("flask", json.loads(json.dumps(read.to_json())))
    assert again.state(instant) == read.state(instant)
    assert again.releases(instant) == read.releases(instant)
    for version in ("1", "1.0", "1.0.0"):
        assert again.files(version, instant) == read.files(version, instant)


def test_page_state_independent_of_later_files() -> None:
    """Files that arrive after the cutoff do not change the state."""
    shorter = page((wheel("1.0"), day(1)))
    longer = page((wheel("1.0"), day(1)), (wheel("2.0"), day(5)))
    assert shorter.state(day(3)) == longer.state(day(3)) != longer.state(day(6))


def test_page_finds_any_version_spelling() -> None:
    """A version is found in any equivalent spelling."""
    read = page((wheel("1.0rc1"), day(1)))
    assert read.files("1.0.RC.1", day(2)) == read.files("1.0rc1", day(2)) != ()
