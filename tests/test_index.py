from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from loopback_index import LoopbackIndex

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.index import Index
from watchdog.listing import just_after, parse_page, to_releases
from watchdog.model import File

Opened = Callable[..., Index]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    with contextlib.ExitStack() as stack:

        def opened(url: str, *, offline: bool = False) -> Index:
            index = Index((url,), tmp_path, offline=offline)
            stack.callback(index.close)
            return index

        yield opened


@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_releases_and_upload_times_are_read_in_both_forms(
    empty_index: LoopbackIndex, opened: Opened, html: bool
) -> None:
    empty_index.html = html
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    empty_index.files["flask"][0].yanked = True
    found = opened(empty_index.url).releases(["flask"], day(10))["flask"]
    assert [(str(r.version), r.uploaded, r.yanked) for r in found] == [
        ("1.0", day(1), True),
        ("2.0", day(5), False),
    ]


def test_what_came_after_the_cutoff_is_not_there(
    empty_index: LoopbackIndex, opened: Opened
) -> None:
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    found = opened(empty_index.url).releases(["flask"], day(5))["flask"]
    assert [str(r.version) for r in found] == ["1.0"]


def test_offline_it_answers_from_what_it_kept(empty_index: LoopbackIndex, opened: Opened) -> None:
    empty_index.add("flask", "1.0", day(1))
    online = opened(empty_index.url).releases(["flask"], day(5))
    asked = len(empty_index.requests)
    offline = opened(empty_index.url, offline=True)
    assert offline.releases(["flask"], day(5)) == online
    assert len(empty_index.requests) == asked


def test_offline_without_anything_kept_it_says_so(
    empty_index: LoopbackIndex, opened: Opened
) -> None:
    with pytest.raises(OfflineError, match="run once without --offline"):
        opened(empty_index.url, offline=True).releases(["flask"], day(5))


@pytest.mark.parametrize(
    ("broken", "name", "message"),
    [("out of order", "flask", "status 500"), (None, "no-such", "does not know no-such")],
)
def test_an_index_in_trouble_is_our_trouble(
    empty_index: LoopbackIndex, opened: Opened, broken: str | None, name: str, message: str
) -> None:
    empty_index.broken = broken
    with pytest.raises(InfrastructureError, match=message) as caught:
        opened(empty_index.url).releases([name], day(5))
    assert "127.0.0.1" not in str(caught.value)


@given(st.text(max_size=300))
def test_no_page_gives_anything_but_files_or_a_value_error(text: str) -> None:
    for kind in ("application/json", "text/html", "text/plain"):
        try:
            parse_page(kind, text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("kind", "text"),
    [("application/json", "[" * 100_000), ("text/html", "<![doctypel[<a>"),
     ("text/html", "<!doctype h<x>")],
)  # fmt: skip
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


def test_what_the_index_showed_is_told_by_a_state_that_only_arrivals_change(
    empty_index: LoopbackIndex, opened: Opened
) -> None:
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    page = opened(empty_index.url).page("flask")
    assert page is not None
    states = [page.state(day(n)) for n in range(8)]
    assert states == [states[0]] * 2 + [states[2]] * 4 + [states[6]] * 2
    assert len(set(states)) == 3


def test_a_page_kept_in_tatters_is_read_again(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    empty_index.add("flask", "1.0", day(1))
    before = opened(empty_index.url).releases(["flask"], day(5))
    (kept,) = tmp_path.rglob("flask.json")
    kept.write_text('{"raw": 1, "rows": [1]}', "utf-8")
    assert opened(empty_index.url).releases(["flask"], day(5)) == before


def test_a_cutoff_is_compared_in_milliseconds_as_uv_does(
    empty_index: LoopbackIndex, opened: Opened
) -> None:
    arrival = day(1) + timedelta(microseconds=636_262)
    empty_index.add("flask", "1.0", arrival)
    page = opened(empty_index.url).page("flask")
    assert page is not None
    assert page.files("1.0", arrival + timedelta(microseconds=1)) == ()
    assert len(page.files("1.0", just_after(arrival))) == 1
    assert page.state(arrival) == page.state(day(0)) != page.state(just_after(arrival))
