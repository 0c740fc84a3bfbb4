from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ecosystem import BACKEND, NOW, PYTHON, day
from loopback_index import LoopbackIndex

from watchdog.environments.interpreters import find_interpreters
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Unbuildable
from watchdog.model.release import Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.resolver import Resolver
from watchdog.resolver.simple_api import just_after
from watchdog.resolver.uv import Uv, UvResult
from watchdog.sandbox.process import Processes, ProcessResult

INTERPRETER: Interpreter = find_interpreters([PYTHON], Processes())[PYTHON]
Make = Callable[..., Resolver]


class Counting(Uv):
    """uv, counting how often it is asked, and how often its program runs for that."""

    asked = 0
    runs = 0

    def resolve(self, *args: Any, **parts: Any) -> UvResult:
        self.asked += 1
        return super().resolve(*args, **parts)

    def _compile(self, *args: Any, **parts: Any) -> tuple[ProcessResult, str]:
        self.runs += 1
        return super()._compile(*args, **parts)


@pytest.fixture
def make(made_up: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    for name in [n for n in os.environ if n.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with contextlib.ExitStack() as opened:

        def make(
            url: str = made_up.url,
            *,
            offline: bool = False,
            memory: str = "m",
            build_seconds: float = 900,
        ) -> Resolver:
            monkeypatch.setenv("UV_DEFAULT_INDEX", url)
            index = Index((url,), tmp_path / "pages", offline=offline)
            uv = Counting(Processes(), tmp_path, offline=offline, build_seconds=build_seconds)
            resolver = Resolver(uv, index, tmp_path / memory, "flask")
            for part in (index, resolver):
                opened.callback(part.close)
            return resolver

        yield make


def asked(resolver: Resolver) -> int:
    assert isinstance(resolver._uv, Counting)
    return resolver._uv.asked


def ask(*requirements: str, **parts: object) -> LockRequest:
    as_of = parts.pop("as_of", NOW)
    return LockRequest(requirements, PYTHON, as_of, **parts)  # type: ignore[arg-type]


def test_resolver_respects_cutoff(make: Make) -> None:
    """A lock contains the newest releases that existed at the cutoff."""
    uv = make()
    now = uv.resolve(ask("flask"), INTERPRETER)
    then = uv.resolve(ask("flask", as_of=day(20)), INTERPRETER)
    assert now == Lock((("flask", "3.0.0"), ("werkzeug", "3.0.0")))
    assert then == Lock((("flask", "2.0.0"), ("werkzeug", "2.0.0")))


def test_resolver_ignores_stale_uv_cache(
    make: Make,
) -> None:
    """The newest version is found although only metadata of an older one is cached."""
    # uv --offline would answer this from the cache with the old version, and be wrong.
    assert isinstance(make().resolve(ask("flask==2.0.0"), INTERPRETER), Lock)
    found = make().resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, Lock)
    assert found.version("flask") == "3.0.0"


def test_resolver_offline_incomplete_cache(make: Make) -> None:
    """Offline with an incomplete cache the resolver gives NoAnswer."""
    assert isinstance(make().resolve(ask("flask==2.0.0"), INTERPRETER), Lock)
    found = make(offline=True).resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, NoAnswer)
    assert "without --offline" in found.reason


def test_resolver_offline_complete_cache(make: Make, made_up: LoopbackIndex) -> None:
    """Offline with a complete cache the resolver answers without a request."""
    online = make().resolve(ask("flask"), INTERPRETER)
    before = len(made_up.requests)
    assert make(offline=True, memory="none").resolve(ask("flask"), INTERPRETER) == online
    assert len(made_up.requests) == before


def test_resolver_sees_new_release(make: Make, empty_index: LoopbackIndex) -> None:
    """A new resolver finds a release that was published after the last run."""
    empty_index.add("thing", "1.0", day(1))
    first = make(empty_index.url).resolve(ask("thing"), INTERPRETER)
    empty_index.add("thing", "2.0", day(2))
    second = make(empty_index.url).resolve(ask("thing"), INTERPRETER)
    assert (first, second) == (Lock((("thing", "1.0"),)), Lock((("thing", "2.0"),)))


def test_resolver_reads_pages_once(make: Make, empty_index: LoopbackIndex) -> None:
    """In one run we and uv each read an index page only once."""
    empty_index.add("a", "1.0", day(1), requires=["b"])
    empty_index.add("b", "1.0", day(1))
    uv = make(empty_index.url)
    for _ in range(3):
        uv.resolve(ask("a"), INTERPRETER)
    pages = [p for p in empty_index.requests if p.startswith("/simple/")]
    # Once by the resolver and once by uv.
    assert pages.count("/simple/a/") == 2
    assert pages.count("/simple/b/") == 2


def test_resolver_fetches_only_new_metadata(make: Make, empty_index: LoopbackIndex) -> None:
    """After a new release only its own metadata and that of its new dependency is read."""
    # The index sends no Cache-Control header, so uv would read and build `old` again.
    empty_index.keep = None
    backend = (
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        "    import os\n"
        "    os.mkdir(f'{folder}/old-1.0.dist-info')\n"
        "    open(f'{folder}/old-1.0.dist-info/METADATA', 'w').write("
        "'Metadata-Version: 2.1\\nName: old\\nVersion: 1.0\\n')\n"
        "    return 'old-1.0.dist-info'\n"
        "def build_wheel(*args): raise SystemExit('only its metadata is wanted')\n"
    )
    empty_index.add_sdist("old", "1.0", day(0), files={"pyproject.toml": BACKEND, "b.py": backend})
    empty_index.add("daily", "1.0", day(1), requires=["core==1.0", "old"])
    empty_index.add("daily", "2.0", day(3), requires=["core==2.0", "old"])
    for version, uploaded in (("1.0", 0), ("2.0", 2), ("3.0", 3)):
        empty_index.add("core", version, day(uploaded))
    uv = make(empty_index.url)
    first = uv.resolve(ask("daily", as_of=day(2)), INTERPRETER)
    assert first == Lock((("core", "1.0"), ("daily", "1.0"), ("old", "1.0")))
    empty_index.requests.clear()
    second = uv.resolve(ask("daily", as_of=day(4)), INTERPRETER)
    assert second == Lock((("core", "2.0"), ("daily", "2.0"), ("old", "1.0")))
    read = [p.rpartition("/")[2] for p in empty_index.requests if p.startswith("/files/")]
    assert sorted(set(read)) == [
        "core-2.0-py3-none-any.whl.metadata",
        "daily-2.0-py3-none-any.whl.metadata",
    ]


def test_resolver_reads_new_packages_at_once(make: Make, empty_index: LoopbackIndex) -> None:
    """What is not cached is read in one call, not after trying all older versions of it."""
    for number in range(1, 9):
        empty_index.add("core", f"{number}.0", day(number))
    empty_index.add("ext", "1.0", day(4), requires=["core"])
    empty_index.add("other", "1.0", day(4), requires=["core"])
    resolver = make(empty_index.url)
    assert isinstance(resolver._uv, Counting)
    for name, runs in (("ext", 2), ("other", 3)):  # the first also reads all pages that are known
        lock = resolver.resolve(ask(name), INTERPRETER)
        assert isinstance(lock, Lock)
        assert lock.version("core") == "8.0"
        assert resolver._uv.runs == runs
    resolver.resolve(ask("ext", "other"), INTERPRETER)
    assert resolver._uv.runs == 4


@pytest.mark.skipif(INTERPRETER.setuptools is None, reason="this Python brings no setuptools")
def test_resolver_keeps_the_setuptools_of_a_new_environment(
    make: Make, empty_index: LoopbackIndex
) -> None:
    """What merely requires setuptools gets that of `python -m venv`, as with pip, at any cutoff."""
    empty_index.add("setuptools", str(INTERPRETER.setuptools), day(90))
    empty_index.add("setuptools", "99.0", day(2))
    for name, requirement in (("any", "setuptools>=3"), ("new", "setuptools>=99")):
        empty_index.add(name, "1.0", day(4), requires=[requirement])
    resolver = make(empty_index.url)
    for request, setuptools in ((ask("any"), None), (ask("new"), "99.0"), (ask("any"), None)):
        lock = resolver.resolve(request, INTERPRETER)
        assert isinstance(lock, Lock)
        assert lock.version("setuptools") == setuptools
    pinned = resolver.resolve(ask("any", "setuptools==99.0"), INTERPRETER)
    assert isinstance(pinned, Lock)
    assert pinned.version("setuptools") == "99.0"


def test_resolver_oldest_allowed(make: Make) -> None:
    """A package marked as oldest gets the lowest version that the others allow."""
    found = make().resolve(ask("flask==2.0.0", oldest=("werkzeug",)), INTERPRETER)
    assert found == Lock((("flask", "2.0.0"), ("werkzeug", "2.0.0")))


def test_resolver_constraints(make: Make) -> None:
    """Constraints limit versions but add no package."""
    question = ask("flask", constraints=("werkzeug==2.0.0", "ext-works==1.0"))
    assert make().resolve(question, INTERPRETER) == Lock(
        (("flask", "2.0.0"), ("werkzeug", "2.0.0"))
    )


def test_resolver_later_cutoff_of_package(make: Make) -> None:
    """A single package can have a later cutoff than the rest."""
    question = ask("ext-works", as_of=day(20), later=(("werkzeug", NOW),))
    found = make().resolve(question, INTERPRETER)
    assert isinstance(found, Lock)
    assert (found.version("flask"), found.version("werkzeug")) == ("2.0.0", "3.0.0")


def test_resolver_stores_no_answer_of_young_later_release(
    make: Make, empty_index: LoopbackIndex
) -> None:
    """An answer with a release of the last hour is not stored, also where only it may be later."""
    now = datetime.now(UTC)
    empty_index.add("a", "1.0", day(1))
    empty_index.add("a", "2.0", now - timedelta(minutes=5))
    request = ask("a==2.0", as_of=day(20), later=(("a", now),))
    for _ in range(2):
        resolver = make(empty_index.url)
        assert resolver.resolve(request, INTERPRETER) == Lock((("a", "2.0"),))
        assert asked(resolver) == 1
    older = ask("a==1.0", as_of=day(20), later=(("a", day(21)),))
    assert make(empty_index.url).resolve(older, INTERPRETER) == Lock((("a", "1.0"),))
    resolver = make(empty_index.url)
    assert resolver.resolve(older, INTERPRETER) == Lock((("a", "1.0"),))
    assert asked(resolver) == 0


def test_resolver_conflict_reason(make: Make) -> None:
    """Requirements that exclude each other give a Conflict with a reason."""
    found = make().resolve(ask("flask>=3", "werkzeug<2"), INTERPRETER)
    assert isinstance(found, Conflict)
    assert found.reason.startswith("Because")
    assert found.reason.endswith("unsatisfiable.")


def test_resolver_conflict_reason_is_stable(make: Make) -> None:
    """The reason of a conflict has the same text at every cutoff where it holds."""
    reasons = [make().resolve(ask("ext-works", as_of=day(n)), INTERPRETER) for n in (1, 2, 3)]
    assert len(set(reasons)) == 1
    assert isinstance(reasons[0], Conflict)
    assert "ext-works" in reasons[0].reason


def test_resolver_unknown_name(make: Make) -> None:
    """A name that the index does not know gives NoAnswer and no Conflict."""
    found = make().resolve(ask("no-such-package"), INTERPRETER)
    assert isinstance(found, NoAnswer)
    assert "no-such-package was not found" in found.reason


def test_resolver_unbuildable_symptom(make: Make) -> None:
    """A source distribution that does not build gives Unbuildable with its error."""
    found = make().resolve(ask("ext-unbuildable"), INTERPRETER)
    assert isinstance(found, Unbuildable)
    assert found.symptom == "RuntimeError: this never builds"


def publish_build(index: LoopbackIndex, backend: str) -> None:
    files = {
        "pyproject.toml": BACKEND,
        "b.py": backend,
        "PKG-INFO": "Metadata-Version: 1.0\nName: slow\nVersion: 1.0\n",
    }
    index.add_sdist("slow", "1.0", day(1), files=files)


@pytest.mark.slow
def test_build_at_its_time_limit_is_no_answer(make: Make, empty_index: LoopbackIndex) -> None:
    """A build that its time limit ended is an infrastructure failure, and asked again next time."""
    said = 'import time\nprint("Failed to build backend", flush=True)\n'
    publish_build(empty_index, f"{said}time.sleep(60)\n")
    resolver = make(empty_index.url, build_seconds=3)
    for count in (1, 2):
        found = resolver.resolve(ask("slow"), INTERPRETER)
        assert isinstance(found, NoAnswer)
        assert (found.infrastructure, "time limit (3 s)" in found.reason) == (True, True)
        assert asked(resolver) == count


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_build_killed_for_memory_is_no_answer(make: Make, empty_index: LoopbackIndex) -> None:
    """A build that was killed is an infrastructure failure, and asked again next time."""
    publish_build(empty_index, "import os\nos.kill(os.getpid(), 9)\n")
    resolver = make(empty_index.url)
    for count in (1, 2):
        found = resolver.resolve(ask("slow"), INTERPRETER)
        assert isinstance(found, NoAnswer), found
        assert (found.infrastructure, "is memory short here?" in found.reason) == (True, True)
        assert asked(resolver) == count


def test_resolver_unreachable_index(make: Make) -> None:
    """An unreachable index gives NoAnswer without the password of its URL."""
    found = make("http://me:secret@127.0.0.1:9/simple").resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, NoAnswer)
    assert "secret" not in found.reason


def test_resolver_answers_from_memory(make: Make) -> None:
    """A second resolver answers the same question without asking uv."""
    first, second = make(), make()
    answer = first.resolve(ask("flask"), INTERPRETER)
    assert second.resolve(ask("flask"), INTERPRETER) == answer
    assert (asked(first) > 0, asked(second)) == (True, 0)


def test_resolver_shares_answer_of_equal_states(make: Make) -> None:
    """Two cutoffs between which nothing was published share one answer."""
    resolver = make()
    first = resolver.resolve(ask("ext-works", as_of=day(20)), INTERPRETER)
    before = asked(resolver)
    assert resolver.resolve(ask("ext-works", as_of=day(21)), INTERPRETER) == first
    assert asked(resolver) == before


def test_resolver_notices_unused_release(make: Make, empty_index: LoopbackIndex) -> None:
    """A new release of a package that was looked at but not taken changes the answer."""
    # `old` is in no answer; what it offers decides which `top` can be had.
    empty_index.add("old", "1.0", day(1))
    empty_index.add("top", "1.0", day(1))
    empty_index.add("top", "2.0", day(2), requires=("old>=2",))
    before = make(empty_index.url).resolve(ask("top"), INTERPRETER)
    empty_index.add("old", "2.0", day(3))
    after = make(empty_index.url).resolve(ask("top"), INTERPRETER)
    assert before == Lock((("top", "1.0"),))
    assert after == Lock((("old", "2.0"), ("top", "2.0")))


def test_resolver_cutoff_precision(make: Make, empty_index: LoopbackIndex) -> None:
    """A release is visible from the first millisecond after its upload."""
    arrival = day(2) + timedelta(microseconds=636_262)
    empty_index.add("thing", "1.0", day(1))
    empty_index.add("thing", "2.0", arrival)
    resolver = make(empty_index.url)
    cutoffs = (arrival + timedelta(microseconds=1), just_after(arrival))
    found = [resolver.resolve(ask("thing", as_of=cutoff), INTERPRETER) for cutoff in cutoffs]
    assert found == [Lock((("thing", "1.0"),)), Lock((("thing", "2.0"),))]


def test_resolver_does_not_remember_failures(make: Make, made_up: LoopbackIndex) -> None:
    """A failed answer is not stored."""
    found = make("http://127.0.0.1:9/simple").resolve(ask("flask"), INTERPRETER)
    assert isinstance(found, NoAnswer)
    assert isinstance(make(made_up.url).resolve(ask("flask"), INTERPRETER), Lock)


def test_resolver_replaces_damaged_memory(make: Make, tmp_path: Path) -> None:
    """A damaged answer database does not change the answer."""
    answer = make().resolve(ask("flask"), INTERPRETER)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "answers.sqlite").write_bytes(b"this is no database" * 100)
    assert make(memory="other").resolve(ask("flask"), INTERPRETER) == answer
