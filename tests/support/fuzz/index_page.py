"""Parsing a page of the index gives releases or a ValueError, and survives the cache."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ecosystem import day
from loopback_index import LoopbackIndex

from watchdog.model.release import Interpreter
from watchdog.resolver.simple_api import Page, just_after, parse_page, to_releases

_PYTHON = Interpreter("/python", "3.11.7", "65.5.0", "linux-x86_64")
_KINDS = {0x7B: "application/vnd.pypi.simple.v1+json", 0x3C: "text/html"}
_INSTANTS = (datetime.min.replace(tzinfo=UTC), day(1), datetime.max.replace(tzinfo=UTC))


def _seeds() -> tuple[bytes, ...]:
    index = LoopbackIndex()
    index.add("flask", "1.0", day(1), requires_python=">=3.8")
    index.add_sdist("flask", "2.0rc1", day(2), {"flask.py": ""})
    pages = [index._page("flask")[1]]
    index.html = True
    return (*pages, index._page("flask")[1])


SEEDS = _seeds()
WORDS = (
    b'"files":',
    b'"filename":',
    b'"upload-time":',
    b'"yanked":',
    b'"requires-python":',
    b'"hashes":',
    b'"sha256":',
    b"9999-12-31T23:59:59.999999Z",
    b"0001-01-01T00:00:00+14:00",
    b"flask-1.0-1a-cp311-cp311-manylinux_2_17_x86_64.whl",
    b"flask-1.0.zip",
    b"\\ud800",
    b"null",
    b">=3,!=",
    b"<a href=",
    b"data-upload-time=",
    b"data-yanked",
    b"&#0;",
    b"1!2.0.post1+x",
)


def check(data: bytes) -> None:
    """Assert that a parsed page can be queried and is equal after writing and reading it."""
    kind = _KINDS.get(data[:1][0] if data else 0, "application/json")
    try:
        files = parse_page(kind, data.decode("utf-8", "replace"))
    except ValueError:
        return
    read = Page.of("flask", files)
    page = Page.from_json("flask", json.loads(json.dumps(read.to_json())))
    assert page.to_json() == read.to_json()
    for instant in _INSTANTS:
        releases = page.releases(instant)
        versions = [r.version for r in releases]
        assert versions == sorted(versions)
        assert releases == read.releases(instant)
        assert versions == [r.version for r in to_releases("flask", files, instant)]
        assert page.state(instant)
        for release in releases:
            assert release.files
            assert all(not f.uploaded or f.uploaded < instant for f in release.files)
    for arrival in page.arrivals(_PYTHON):
        assert just_after(arrival.instant) > arrival.instant
