from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ecosystem import NOW, PYTHON, day
from hypothesis import given
from hypothesis import strategies as st
from loopback_index import LoopbackIndex

from watchdog.errors import InfrastructureError
from watchdog.interpreters import find
from watchdog.model import Conflict, Interpreter, Lock, Question, Unbuildable, Unknown
from watchdog.process import Finished, Processes
from watchdog.uv import Uv, _answer

INTERPRETER: Interpreter = find([PYTHON], Processes())[PYTHON]
Make = Callable[..., Uv]


@pytest.fixture
def make(made_up: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    for name in [n for n in os.environ if n.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    def make(url: str = made_up.url, *, offline: bool = False) -> Uv:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        return Uv(Processes(), tmp_path, offline=offline)

    return make


def ask(*requirements: str, **parts: object) -> Question:
    as_of = parts.pop("as_of", NOW)
    return Question(requirements, PYTHON, as_of, **parts)  # type: ignore[arg-type]


def test_the_index_is_the_one_uv_is_configured_for(make: Make, made_up: LoopbackIndex) -> None:
    assert make().indexes().urls == (made_up.url.rstrip("/"),) or make().indexes().urls == (
        made_up.url,
    )


def test_a_lock_is_what_the_cutoff_allows(make: Make) -> None:
    uv = make()
    now = uv.resolve(ask("flask"), INTERPRETER)
    then = uv.resolve(ask("flask", as_of=day(20)), INTERPRETER)
    assert now == Lock((("flask", "3.0.0"), ("werkzeug", "3.0.0")))
    assert then == Lock((("flask", "2.0.0"), ("werkzeug", "2.0.0")))


def test_the_newest_version_is_found_although_only_an_older_ones_metadata_is_cached(
    make: Make,
) -> None:
    # uv --offline would answer this from the cache with the old version, and be wrong.
    assert isinstance(make().resolve(ask("flask==2.0.0"), INTERPRETER), Lock)
    found = make().resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, Lock)
    assert found.version("flask") == "3.0.0"


def test_offline_an_incomplete_cache_is_no_answer(make: Make) -> None:
    assert isinstance(make().resolve(ask("flask==2.0.0"), INTERPRETER), Lock)
    found = make(offline=True).resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, Unknown)
    assert "without --offline" in found.reason


def test_offline_a_complete_cache_answers_without_a_request(
    make: Make, made_up: LoopbackIndex
) -> None:
    online = make().resolve(ask("flask"), INTERPRETER)
    asked = len(made_up.requests)
    assert make(offline=True).resolve(ask("flask"), INTERPRETER) == online
    assert len(made_up.requests) == asked


def test_a_new_release_is_seen_by_the_next_run(make: Make, empty_index: LoopbackIndex) -> None:
    empty_index.add("thing", "1.0", day(1))
    first = make(empty_index.url).resolve(ask("thing"), INTERPRETER)
    empty_index.add("thing", "2.0", day(2))
    second = make(empty_index.url).resolve(ask("thing"), INTERPRETER)
    assert (first, second) == (Lock((("thing", "1.0"),)), Lock((("thing", "2.0"),)))


def test_each_index_page_is_read_once_a_run(make: Make, empty_index: LoopbackIndex) -> None:
    empty_index.add("a", "1.0", day(1), requires=["b"])
    empty_index.add("b", "1.0", day(1))
    uv = make(empty_index.url)
    for _ in range(3):
        uv.resolve(ask("a"), INTERPRETER)
    pages = [p for p in empty_index.requests if p.startswith("/simple/")]
    # The first look at `b` is by the resolver, the second by the refresh of a name just met.
    assert pages.count("/simple/a/") == 1
    assert pages.count("/simple/b/") == 2


def test_the_oldest_allowed_is_the_oldest_the_others_allow(make: Make) -> None:
    found = make().resolve(ask("flask==2.0.0", oldest=("werkzeug",)), INTERPRETER)
    assert found == Lock((("flask", "2.0.0"), ("werkzeug", "2.0.0")))


def test_constraints_limit_and_do_not_add(make: Make) -> None:
    question = ask("flask", constraints=("werkzeug==2.0.0", "ext-works==1.0"))
    assert make().resolve(question, INTERPRETER) == Lock(
        (("flask", "2.0.0"), ("werkzeug", "2.0.0"))
    )


def test_a_package_may_have_a_later_cutoff_than_its_world(make: Make) -> None:
    question = ask("ext-works", as_of=day(20), later=(("werkzeug", NOW),))
    found = make().resolve(question, INTERPRETER)
    assert isinstance(found, Lock)
    assert (found.version("flask"), found.version("werkzeug")) == ("2.0.0", "3.0.0")


def test_what_cannot_be_is_a_conflict_with_its_reason(make: Make) -> None:
    found = make().resolve(ask("flask>=3", "werkzeug<2"), INTERPRETER)
    assert isinstance(found, Conflict)
    assert found.reason.startswith("Because")
    assert found.reason.endswith("unsatisfiable.")


def test_a_name_the_index_does_not_know_is_no_conflict(make: Make) -> None:
    found = make().resolve(ask("no-such-package"), INTERPRETER)
    assert isinstance(found, Unknown)
    assert "no-such-package was not found" in found.reason


def test_a_source_distribution_that_does_not_build_names_the_error(make: Make) -> None:
    found = make().resolve(ask("ext-unbuildable"), INTERPRETER)
    assert isinstance(found, Unbuildable)
    assert found.symptom == "RuntimeError: this never builds"


def test_an_index_that_cannot_be_reached_raises_before_any_verdict(make: Make) -> None:
    with pytest.raises(InfrastructureError, match="cannot be read"):
        make("http://me:secret@127.0.0.1:9/simple").refresh(["flask"], INTERPRETER)


def test_an_index_that_fails_while_resolving_is_unknown_and_shows_no_secret(make: Make) -> None:
    found = make("http://me:secret@127.0.0.1:9/simple").resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, Unknown)
    assert "secret" not in found.reason


@given(st.text(max_size=300), st.integers(0, 3))
def test_no_output_of_uv_gives_anything_but_an_answer(text: str, code: int) -> None:
    found = _answer(Finished(code, text, text, 1.0))
    assert isinstance(found, Lock) == (code == 0)
