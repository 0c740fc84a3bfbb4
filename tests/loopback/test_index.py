from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import oversized
import pytest
from ecosystem import day
from loopback_index import LoopbackIndex, Upload

from watchdog.errors import InfrastructureError, OfflineError, PageLimitError
from watchdog.resolver import index as index_module
from watchdog.resolver.index import Index

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
def test_index_reads_json_and_html(empty_index: LoopbackIndex, opened: Opened, html: bool) -> None:
    """Index.releases reads versions, upload times and yanks from JSON and HTML pages."""
    empty_index.html = html
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    empty_index.files["flask"][0].yanked = True
    found = opened(empty_index.url).releases(["flask"], day(10))["flask"]
    assert [(str(r.version), r.uploaded, r.yanked) for r in found] == [
        ("1.0", day(1), True),
        ("2.0", day(5), False),
    ]


def test_index_releases_before_cutoff(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Index.releases leaves out files that were uploaded at the cutoff or later."""
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", "2.0", day(5))
    found = opened(empty_index.url).releases(["flask"], day(5))["flask"]
    assert [str(r.version) for r in found] == ["1.0"]


def test_index_offline_uses_cache(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Offline, Index answers from its cache without a request."""
    empty_index.add("flask", "1.0", day(1))
    online = opened(empty_index.url).releases(["flask"], day(5))
    asked = len(empty_index.requests)
    offline = opened(empty_index.url, offline=True)
    assert offline.releases(["flask"], day(5)) == online
    assert len(empty_index.requests) == asked


def test_index_offline_without_cache(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Offline without a cached page, Index raises OfflineError."""
    with pytest.raises(OfflineError, match="run once without --offline"):
        opened(empty_index.url, offline=True).releases(["flask"], day(5))


@pytest.mark.parametrize(
    ("broken", "name", "message"),
    [("out of order", "flask", "status 500"), (None, "no-such", "has no package no-such")],
)
def test_index_failure_is_infrastructure_error(
    empty_index: LoopbackIndex, opened: Opened, broken: str | None, name: str, message: str
) -> None:
    """A server error or unknown name raises InfrastructureError without the address."""
    empty_index.broken = broken
    with pytest.raises(InfrastructureError, match=message) as caught:
        opened(empty_index.url).releases([name], day(5))
    assert "127.0.0.1" not in str(caught.value)


def test_index_replaces_damaged_cache(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """Index reads a page again when its cached copy is damaged."""
    empty_index.add("flask", "1.0", day(1))
    before = opened(empty_index.url).releases(["flask"], day(5))
    (kept,) = tmp_path.rglob("flask.json")
    kept.write_text('{"raw": 1, "rows": [1]}', "utf-8")
    assert opened(empty_index.url).releases(["flask"], day(5)) == before


def test_long_page_is_not_read(
    empty_index: LoopbackIndex, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page beyond the limit is asked for once and has no releases; other pages are read."""
    monkeypatch.setattr(index_module, "PAGE_BYTES", 3_000)
    empty_index.add("flask", "1.0", day(1))
    for number in range(50):
        empty_index.add("long", f"1.{number}", day(1))
    index = opened(empty_index.url)
    found = index.releases(["flask", "long"], day(5))
    assert (len(found["flask"]), found["long"]) == (1, ())
    with pytest.raises(PageLimitError, match="the page of long on the package index has more than"):
        index.page("long")
    assert empty_index.requests.count("/simple/long/") == 1


def test_version_with_too_many_digits_is_no_release(
    empty_index: LoopbackIndex, opened: Opened
) -> None:
    """A file whose name no file system can hold is passed over, whatever its version."""
    empty_index.add("flask", "1.0", day(1))
    empty_index.add("flask", f"1.{'9' * 5000}", day(1))
    assert len(opened(empty_index.url).releases(["flask"], day(5))["flask"]) == 1


@pytest.mark.parametrize("ranges", [True, False], ids=["parts", "whole files"])
@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_excess_of_a_wheel_is_found(
    empty_index: LoopbackIndex, opened: Opened, ranges: bool, html: bool
) -> None:
    """What a wheel would unpack to is read from the index, also where it gives no part of files."""
    empty_index.ranges, empty_index.html = ranges, html
    many = ((f"d/{n}.txt", [b""]) for n in range(1_000))  # a directory longer than the tail
    for name, files in (("fits", many), ("large", [("x" * 290 + ".py", [b""])])):
        wheel = Upload(f"{name}-1.0-py3-none-any.whl", oversized.wheel(name, files), day(1))
        empty_index.files[name] = [wheel]
    index = opened(empty_index.url)
    assert index.wheel_excess("fits", "fits-1.0-py3-none-any.whl") is None
    said = index.wheel_excess("large", "large-1.0-py3-none-any.whl")
    assert said == "its wheel has a file name of 293 characters; the limit is 255"
    assert index.wheel_excess("large", "gone-1.0-py3-none-any.whl") is None


def test_damaged_wheel_has_no_excess(empty_index: LoopbackIndex, opened: Opened) -> None:
    """What is no archive is left to the installer, which says what is wrong."""
    for number, data in enumerate((b"", b"x", b"PK\x05\x06" + b"\xff" * 18, b"y" * 100_000)):
        name = f"flask-{number}.0-py3-none-any.whl"
        empty_index.files.setdefault("flask", []).append(Upload(name, data, day(1)))
    index = opened(empty_index.url)
    for upload in empty_index.files["flask"]:
        found = index.wheel_excess("flask", upload.filename)
        assert found is None or "more than 50,000 files" in found
