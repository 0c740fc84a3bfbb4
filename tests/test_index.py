from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from loopback_index import LoopbackIndex

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.index import Index, parse_page, to_releases
from watchdog.model import File


@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_releases_and_upload_times_are_read_in_both_forms(
    empty_index: LoopbackIndex, tmp_path: Path, html: bool
) -> None:
    empty_index.html = html
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    empty_index.files["flask"][0].yanked = True
    found = Index((empty_index.url,), tmp_path).releases(["flask"], day(10))["flask"]
    assert [(str(r.version), r.uploaded, r.yanked) for r in found] == [
        ("1.0", day(1), True),
        ("2.0", day(5), False),
    ]


def test_what_came_after_the_cutoff_is_not_there(
    empty_index: LoopbackIndex, tmp_path: Path
) -> None:
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    found = Index((empty_index.url,), tmp_path).releases(["flask"], day(5))["flask"]
    assert [str(r.version) for r in found] == ["1.0"]


def test_offline_it_answers_from_what_it_kept(empty_index: LoopbackIndex, tmp_path: Path) -> None:
    empty_index.add("flask", "1.0", day(1))
    online = Index((empty_index.url,), tmp_path).releases(["flask"], day(5))
    asked = len(empty_index.requests)
    offline = Index((empty_index.url,), tmp_path, offline=True)
    assert offline.releases(["flask"], day(5)) == online
    assert len(empty_index.requests) == asked


def test_offline_without_anything_kept_it_says_so(
    empty_index: LoopbackIndex, tmp_path: Path
) -> None:
    with pytest.raises(OfflineError, match="run once without --offline"):
        Index((empty_index.url,), tmp_path, offline=True).releases(["flask"], day(5))


@pytest.mark.parametrize(
    ("broken", "name", "message"),
    [("out of order", "flask", "status 500"), (None, "no-such", "does not know no-such")],
)
def test_an_index_in_trouble_is_our_trouble(
    empty_index: LoopbackIndex, tmp_path: Path, broken: str | None, name: str, message: str
) -> None:
    empty_index.broken = broken
    with pytest.raises(InfrastructureError, match=message) as caught:
        Index((empty_index.url,), tmp_path).releases([name], day(5))
    assert "127.0.0.1" not in str(caught.value)


@given(st.text(max_size=300))
def test_no_page_gives_anything_but_files_or_a_value_error(text: str) -> None:
    for kind in ("application/json", "text/html", "text/plain"):
        try:
            parse_page(kind, text)
        except ValueError:
            continue


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
