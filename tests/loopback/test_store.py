from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ecosystem import BACKEND, NOW, PYTHON, day
from loopback_index import LoopbackIndex

from watchdog.environments.gc import collect_garbage
from watchdog.environments.interpreters import find_interpreters
from watchdog.environments.package_files import Package
from watchdog.environments.store import Store
from watchdog.errors import InfrastructureError, InstallError, LimitError
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.sandbox.process import Processes

INTERPRETER = find_interpreters([PYTHON], Processes())[PYTHON]
Opened = Callable[..., Store]


@pytest.fixture
def opened(
    empty_index: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opened]:
    """Opens the same store as a new run would."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with contextlib.ExitStack() as stack:

        def open_(build_seconds: float = 900) -> Store:
            index = Index((empty_index.url,), tmp_path / "pages")
            stack.callback(index.close)
            processes = Processes()
            installer = UvInstaller(Uv(processes, tmp_path, build_seconds=build_seconds))
            return Store(installer, index, processes, tmp_path / "store")

        yield open_


def package(store: Store, name: str, version: str = "1.0") -> Package:
    return store.package(name, version, INTERPRETER, NOW)


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.startswith((".watchdog-", ".lock"))
        and path.suffix != ".pyc"
    }


def test_store_entry_independent_of_batch(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """An entry has the same files whether it was fetched alone or with others."""
    scripts = "[console_scripts]\nsay = one:main\n"
    empty_index.add("one", "1.0", day(1), files={"one.py": "a = 1"}, entry_points=scripts)
    empty_index.add("two", "1.0", day(1), files={"shared/two.py": "", "two/data.txt": "x"})
    together = opened()
    packages = [package(together, "one"), package(together, "two")]
    together.fetch_together(packages)
    assert all(together.has(p) for p in packages)
    both = {p.name: listing(together.fetch(p)) for p in packages}
    (tmp_path / "store").rename(tmp_path / "away")
    alone = opened()
    assert both == {p.name: listing(alone.fetch(p)) for p in packages}


def test_store_same_file_in_two_packages(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Packages that ship the same file get separate entries with their own version of it."""
    empty_index.add("one", "1.0", day(1), files={"same.py": "from_one = 1"})
    empty_index.add("two", "1.0", day(1), files={"same.py": "from_two = 2"})
    store = opened()
    packages = [package(store, "one"), package(store, "two")]
    store.fetch_together(packages)
    texts = [(store.fetch(p) / "site-packages" / "same.py").read_text("utf-8") for p in packages]
    assert texts == ["from_one = 1", "from_two = 2"]


def test_store_isolates_failing_build(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A package that does not build does not prevent the others from being fetched."""
    empty_index.add("good", "1.0", day(1), files={"good.py": ""})
    build = {"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'none'\n"}
    empty_index.add_sdist("bad", "1.0", day(1), files=build)
    store = opened()
    packages = [package(store, "good"), package(store, "bad")]
    store.fetch_together(packages)
    assert (store.fetch(packages[0]) / "site-packages" / "good.py").exists()
    with pytest.raises(InstallError):
        store.fetch(packages[1])


def test_store_half_a_wheel_is_no_evidence(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Half a wheel is an infrastructure failure; it is fetched when it comes whole."""
    module = "\n".join(f"name_{number} = {number * number}" for number in range(99))
    empty_index.add("one", "1.0", day(1), files={"one.py": module})

    def first_part(path: str, data: bytes) -> tuple[int, bytes] | None:
        return (200, data[: data.index(b"PK\x01\x02") - 40]) if path.endswith(".whl") else None

    empty_index.fault = first_part
    for store in (opened(), opened()):
        with pytest.raises(InfrastructureError, match="is not the file that its page names"):
            store.fetch(package(store, "one"))
    empty_index.fault = None
    store = opened()
    assert (store.fetch(package(store, "one")) / "site-packages" / "one.py").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_store_killed_build_is_no_evidence(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A build that was killed is an infrastructure failure each time, and never remembered."""
    files = {"pyproject.toml": BACKEND, "b.py": "import os\nos.kill(os.getpid(), 9)\n"}
    empty_index.add_sdist("bad", "1.0", day(1), files=files)
    store = opened()
    for _ in range(2):
        with pytest.raises(InfrastructureError, match="is memory short here"):
            store.fetch(package(store, "bad"))


def test_store_endless_build_is_begun_once(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """A build that does not end is begun once a run, and in two runs within a month."""
    begun = tmp_path / "begun"
    backend = f"open({str(begun)!r}, 'a').write('x')\nimport time\ntime.sleep(60)\n"
    empty_index.add_sdist("slow", "1.0", day(1), files={"pyproject.toml": BACKEND, "b.py": backend})
    empty_index.add("good", "1.0", day(1), files={"good.py": ""})
    for runs in (1, 2):
        store = opened(build_seconds=4)
        packages = [package(store, "slow"), package(store, "good")]
        store.fetch_together(packages)
        assert store.has(packages[1])
        for _ in range(2):
            with pytest.raises(InfrastructureError, match="time limit"):
                store.fetch(packages[0])
        assert len(begun.read_text("utf-8")) == runs
    later = opened(build_seconds=4)
    with pytest.raises(LimitError, match=r"slow 1\.0 does not end .*tried on 20.* and 20"):
        later.fetch(package(later, "slow"))
    assert len(begun.read_text("utf-8")) == 2
    (kept,) = (tmp_path / "store" / "failed").glob("*.too-long.json")
    month = 31 * 24 * 3600
    kept.write_text(json.dumps([t - month for t in json.loads(kept.read_text("utf-8"))]), "utf-8")
    with pytest.raises(InfrastructureError, match="time limit"):
        later.fetch(package(later, "slow"))
    assert len(begun.read_text("utf-8")) == 3


def test_store_fill_together_with_one(empty_index: LoopbackIndex, opened: Opened) -> None:
    """Filling the store with a single package fetches that package too."""
    empty_index.add("one", "1.0", day(1), files={"one.py": ""})
    store = opened()
    store.fetch_together([package(store, "one")])
    assert store.has(package(store, "one"))


def test_store_repeated_failure_is_clean(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A stored failure is raised again without growing its traceback."""
    build = {"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'none'\n"}
    empty_index.add_sdist("bad", "1.0", day(1), files=build)
    store = opened()
    told = []
    for _ in range(3):
        with pytest.raises(InstallError) as raised:
            store.fetch(package(store, "bad"))
        told.append(raised)
    assert len({(r.value.symptom, r.value.log) for r in told}) == 1
    assert len(told[2].traceback) == len(told[1].traceback) < 5


def test_store_keeps_a_failed_build_for_a_day(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """A failed build is not begun again on the same day, unless the machine lacked something."""
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x')\nraise SystemExit('MESSAGE')\n"
    for name, message in (("bad", "no reason"), ("poor", "pg_config executable not found.")):
        files = {"pyproject.toml": BACKEND, "b.py": script.replace("MESSAGE", message)}
        empty_index.add_sdist(name, "1.0", day(1), files=files)

    def builds(name: str) -> int:
        before = count.stat().st_size if count.exists() else 0
        with pytest.raises(InstallError):
            store.fetch(package(store, name))
        return count.stat().st_size - before

    store = opened()
    assert min(builds("bad"), builds("poor")) > 0
    store = opened()
    assert builds("bad") == 0
    assert builds("poor") > 0
    (kept,) = (tmp_path / "store" / "failed").iterdir()
    yesterday = time.time() - 25 * 3600
    os.utime(kept, (yesterday, yesterday))
    store = opened()
    assert builds("bad") > 0


def test_store_rejects_other_hash(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A file whose hash differs from that in the index raises InfrastructureError."""
    empty_index.add("one", "1.0", day(1), files={"one.py": ""})
    store = opened()
    wanted = package(store, "one")
    assert len(wanted.digest) == 8
    page = store._files._index.page("one")
    assert page is not None
    (row,) = page._versions["1.0"]
    page._versions["1.0"] = [row._replace(sha256="0" * 64)]
    with pytest.raises(InfrastructureError, match=r"(?i)hash"):
        store.fetch(wanted)


def test_store_ignores_modified_uv_cache(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """An entry gets the published content although the cache of uv was modified."""
    empty_index.add("one", "1.0", day(1), files={"one/data.txt": "as published"})
    store = opened()
    store.fetch(package(store, "one"))
    (tmp_path / "store").rename(tmp_path / "away")
    (cached,) = (tmp_path / "uv").rglob("archive-v*/**/data.txt")
    cached.write_text("written to", "utf-8")
    again = opened()
    entry = again.fetch(package(again, "one"))
    assert (entry / "site-packages/one/data.txt").read_text("utf-8") == "as published"


def test_store_entry_separate_from_uv_cache(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """Changing the cache of uv does not change an entry of the store."""
    empty_index.add("one", "1.0", day(1), files={"one/data.txt": "as published"})
    store = opened()
    entry = store.fetch(package(store, "one"))
    (cached,) = (tmp_path / "uv").rglob("archive-v*/**/data.txt")
    cached.write_text("written to", "utf-8")
    assert (entry / "site-packages/one/data.txt").read_text("utf-8") == "as published"


def test_store_entry_per_build(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A changed file of the same release gets another entry."""
    empty_index.add("one", "1.0", day(1), files={"one.py": "a = 1"})
    store = opened()
    early = store.package("one", "1.0", INTERPRETER, day(2))
    empty_index.files["one"][0].data += b"more"
    late = opened().package("one", "1.0", INTERPRETER, day(2))
    assert early.digest != late.digest


def test_collect_garbage_by_age(empty_index: LoopbackIndex, opened: Opened, tmp_path: Path) -> None:
    """Entries that were unused for long are removed, and they can be fetched again."""
    for name in ("old", "new"):
        empty_index.add(name, "1.0", day(1), files={f"{name}.py": ""})
    store = opened()
    places = {name: store.fetch(package(store, name)) for name in ("old", "new")}
    long_ago = time.time() - 40 * 86400
    os.utime(places["old"] / ".watchdog-used", (long_ago, long_ago))
    assert collect_garbage(tmp_path / "store", days=30, megabytes=1000)[0] == 1
    assert not places["old"].exists()
    assert places["new"].exists()
    again = opened()
    assert (again.fetch(package(again, "old")) / "site-packages" / "old.py").exists()


def test_collect_garbage_by_size(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """The longest unused entries are removed when the store is too large."""
    names = ("a", "b", "c")
    for name in names:
        empty_index.add(name, "1.0", day(1), files={f"{name}/data.txt": "x" * 1_000_000})
    store = opened()
    places = {name: store.fetch(package(store, name)) for name in names}
    for number, name in enumerate(names):
        used = time.time() - 86400 + number * 3600
        os.utime(places[name] / ".watchdog-used", (used, used))
    assert collect_garbage(tmp_path / "store", days=30, megabytes=2.5)[0] == 1
    assert not places["a"].exists()
    assert places["c"].exists()


BUILDER = """
import os, zipfile
def build_wheel(folder, *_):
    if {gone} and os.path.exists("uses-the-old"):
        raise RuntimeError("taken away")
    with zipfile.ZipFile(os.path.join(folder, "old-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("old.py", "built_with = {major}")
        info = "old-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: old\\nVersion: 1.0\\n")
        tags = "Root-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\n" + tags)
        wheel.writestr(info + "RECORD", "old.py,,")
    return "old-1.0-py3-none-any.whl"
"""
TO_BUILD = (
    "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.builder'\n"
    "[project]\nname = 'old'\nversion = '1.0'\n"
)


def add_builders(index: LoopbackIndex) -> None:
    """Two major versions of setuptools; the second took away what some packages use."""
    for major in (1, 2):
        text = BUILDER.format(major=major, gone=major > 1)
        files = {"setuptools/__init__.py": "", "setuptools/builder.py": text}
        index.add("setuptools", f"{major}.0", day(major), files=files)


def test_store_entry_per_build_tool_version(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A built package has one entry for each major version of the build tools."""
    add_builders(empty_index)
    empty_index.add_sdist("old", "1.0", day(0), files={"pyproject.toml": TO_BUILD})
    store = opened()
    for cutoff, major in ((day(1.5), 1), (NOW, 2)):
        entry = store.fetch(store.package("old", "1.0", INTERPRETER, cutoff))
        assert (entry / "site-packages/old.py").read_text("utf-8") == f"built_with = {major}"
    again = opened()
    assert again.has(again.package("old", "1.0", INTERPRETER, day(1.6)))


def test_store_keeps_no_source_trees(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """A build leaves its wheel in the installer's cache, which is taken again, and no source."""
    add_builders(empty_index)
    empty_index.add_sdist("old", "1.0", day(0), files={"pyproject.toml": TO_BUILD})
    entry = opened().fetch(package(opened(), "old"))
    caches = tmp_path / "store" / "built-with"
    assert list(caches.rglob("old/1.0/*/*.whl"))
    assert not list(caches.rglob("old/1.0/*/src"))
    shutil.rmtree(entry)
    assert opened().fetch(package(opened(), "old")) == entry


def test_store_does_not_hide_build_failure(empty_index: LoopbackIndex, opened: Opened) -> None:
    """A package that no longer builds is not taken from an earlier entry."""
    add_builders(empty_index)
    files = {"pyproject.toml": TO_BUILD, "uses-the-old": ""}
    empty_index.add_sdist("old", "1.0", day(0), files=files)
    store = opened()
    store.fetch(store.package("old", "1.0", INTERPRETER, day(1.5)))
    with pytest.raises(InstallError, match="taken away"):
        store.fetch(store.package("old", "1.0", INTERPRETER, NOW))


def test_reference_is_checked_like_entry(
    empty_index: LoopbackIndex, opened: Opened, tmp_path: Path
) -> None:
    """Files of a reference environment are checked as those of a store entry are."""
    empty_index.add("one", "1.0", day(1), files={"one/data.txt": "as published"})
    store = opened()
    wanted = package(store, "one")
    store.fetch(wanted)
    (cached,) = (tmp_path / "uv").rglob("archive-v*/**/data.txt")
    cached.write_text("written to", "utf-8")
    python = store._installer.create_venv(tmp_path / "reference", INTERPRETER)
    store.install([wanted], python=python)
    (installed,) = (tmp_path / "reference").rglob("data.txt")
    assert installed.read_text("utf-8") == "as published"
