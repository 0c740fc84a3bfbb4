from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ecosystem import day
from loopback_index import LoopbackIndex

from watchdog.errors import InfrastructureError, OfflineError
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
