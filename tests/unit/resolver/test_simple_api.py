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
def test_no_page_gives_anything_but_files_or_a_value_error(text: str) -> None:
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
def test_a_page_that_no_parser_likes_is_a_value_error_or_empty(kind: str, text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_page(kind, text) == ()


def test_a_hash_that_is_empty_is_none() -> None:
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
def test_no_json_gives_anything_but_files_or_a_value_error(value: object) -> None:
    with contextlib.suppress(ValueError):
        parse_page("application/json", json.dumps(value))


@given(st.lists(st.text(max_size=30)))
def test_files_with_strange_names_are_stepped_over(names: list[str]) -> None:
    to_releases("x", [File(n, None) for n in names], day(1))


def page(*files: tuple[str, datetime | None]) -> Page:
    return Page.of("flask", [File(name, uploaded) for name, uploaded in files])


def wheel(version: str) -> str:
    return f"flask-{version}-py3-none-any.whl"


def test_what_the_index_showed_is_told_by_a_state_that_only_arrivals_change() -> None:
    read = page((wheel("1.0"), day(1)), (wheel("2.0"), day(5)))
    states = [read.state(day(n)) for n in range(8)]
    assert states == [states[0]] * 2 + [states[2]] * 4 + [states[6]] * 2
    assert len(set(states)) == 3


def test_a_cutoff_is_compared_in_milliseconds_as_uv_does() -> None:
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
def test_a_page_that_was_kept_tells_the_same_at_every_instant(
    files: list[tuple[str, datetime | None]], instant: datetime
) -> None:
    read = page(*files)
    again = Page.from_json("flask", json.loads(json.dumps(read.to_json())))
    assert again.state(instant) == read.state(instant)
    assert again.releases(instant) == read.releases(instant)
    for version in ("1", "1.0", "1.0.0"):
        assert again.files(version, instant) == read.files(version, instant)


def test_the_state_of_a_whole_page_is_that_of_the_files_it_has() -> None:
    shorter = page((wheel("1.0"), day(1)))
    longer = page((wheel("1.0"), day(1)), (wheel("2.0"), day(5)))
    assert shorter.state(day(3)) == longer.state(day(3)) != longer.state(day(6))


def test_a_version_is_found_however_it_is_spelled() -> None:
    read = page((wheel("1.0rc1"), day(1)))
    assert read.files("1.0.RC.1", day(2)) == read.files("1.0rc1", day(2)) != ()
