"""`check` on releases that uv refuses and pip takes, on made-up packages, with real uv and pip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import BACKEND, PYTHON, day
from home import Home
from loopback_index import LoopbackIndex

BUILD_WHEEL = """
import os, zipfile

NAME, VERSION, MODULE, REQUIRES = {name!r}, {version!r}, {module!r}, {requires!r}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    stem = NAME.replace("-", "_") + "-" + VERSION
    lines = ["Metadata-Version: 2.1", "Name: " + NAME, "Version: " + VERSION]
    lines += ["Requires-Dist: " + requirement for requirement in REQUIRES]
    files = {{
        NAME.replace("-", "_") + ".py": MODULE,
        stem + ".dist-info/METADATA": "\\n".join(lines) + "\\n",
        stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: b\\n"
        "Root-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = "".join(name + ",,\\n" for name in (*files, stem + ".dist-info/RECORD"))
    wheel = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for name, text in {{**files, stem + ".dist-info/RECORD": record}}.items():
            archive.writestr(name, text)
    return wheel
"""
NEVER = "raise RuntimeError('this never builds')\n"


def add_refused(
    index: LoopbackIndex,
    name: str,
    version: str,
    *,
    suffix: str = ".tar.bz2",
    module: str = "",
    requires: tuple[str, ...] = (),
    backend: str = BUILD_WHEEL,
) -> None:
    """Publish a source distribution in an archive that uv does not take."""
    if backend is BUILD_WHEEL:
        backend = backend.format(name=name, version=version, module=module, requires=requires)
    index.add_sdist(name, version, day(5), {"pyproject.toml": BACKEND, "b.py": backend}, suffix)


@pytest.fixture(scope="module")
def packages() -> Iterator[LoopbackIndex]:
    """An index with releases that uv refuses."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    index.add("tool", "1.0", day(3), files={"tool.py": "old = 1\n"})
    index.add("tool", "2.0", day(32), files={"tool.py": "new = 1\n"})
    add_refused(index, "odd", "0.9", module="import tool\n", requires=("tool",))
    add_refused(index, "odd", "1.0", suffix=".tgz", module="import tool\n", requires=("tool",))
    add_refused(index, "odd", "2.0", suffix=".tar.xz", module="import tool\n", requires=("tool",))
    add_refused(index, "odd", "3.0b1", suffix=".tar", module="import tool\n", requires=("tool",))
    add_refused(index, "odd-old", "1.0", module="from tool import old\n", requires=("tool",))
    needs = ["odd<2"]
    index.add("needs-odd", "1.0", day(5), files={"needs_odd.py": "import odd\n"}, requires=needs)
    index.add("mixed", "1.0", day(3), files={"mixed.py": ""})
    add_refused(index, "mixed", "2.0")
    index.add("half", "1.0", day(3), files={"half.py": ""})
    add_refused(index, "half", "2.0", backend=NEVER)
    add_refused(index, "odd-unbuildable", "1.0", backend=NEVER)
    yield index
    index.stop()


@pytest.fixture
def home(tmp_path: Path, packages: LoopbackIndex, shared_caches: Path) -> Home:
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    home = Home(tmp_path, packages.url, shared_caches / "refused")
    home.write_matrix()
    return home


def write(home: Home, *requirements: str) -> str:
    (home.folder / "requirements.txt").write_text("\n".join(requirements) + "\n", "utf-8")
    return "requirements.txt"


def check(home: Home, *requirements: str, more: tuple[str, ...] = ()) -> Any:
    return home.json("check", "-r", write(home, *requirements), *more)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with pip; nothing is installed in it."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


def pip_set(home: Home, plain: Path) -> dict[str, str]:
    """Return what the pip of a fresh environment would install of the file, by its own report."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    env |= {"PIP_INDEX_URL": home.index_url, "PIP_CONFIG_FILE": os.devnull}
    report = home.folder / "report.json"
    asked = ("install", "--dry-run", "--no-cache-dir", "-q", "--report", str(report))
    subprocess.run(
        [plain / "bin" / "python", "-m", "pip", *asked, "-r", "requirements.txt"],
        cwd=home.folder,
        env=env,
        check=True,
    )
    installed = json.loads(report.read_text("utf-8"))["install"]
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in installed}


@pytest.mark.slow
def test_refused_release_is_judged_as_pip_builds_it(home: Home, plain: Path) -> None:
    """What uv refuses is built by pip, installed with its dependencies and imported; it is said."""
    answer = check(home, "ext-works==1.0", "odd==2.0")
    assert (answer["outcome"], answer["not_installed"]) == ("works", [])
    assert answer["built_by_pip"] == [{"name": "odd", "version": "2.0", "file": "odd-2.0.tar.xz"}]
    assert {"odd": "2.0", "tool": "2.0"}.items() <= answer["lock"].items()
    assert (answer["imports"]["outcome"], answer["imports"]["tested"]) == ("works", 2)
    assert answer["lock"] == pip_set(home, plain)
    done = home("check", "-r", "requirements.txt")
    assert done.returncode == 0
    assert "uv refuses odd 2.0: its only file, odd-2.0.tar.xz, is an archive" in done.stdout


@pytest.mark.slow
def test_record_says_who_built_it(home: Home) -> None:
    """The record of a run names the pip that built a package, and the isolation."""
    check(home, "odd==1.0")
    ledger = (home.folder / "reports" / "ledger").glob("*.jsonl")
    records = [json.loads(line) for path in ledger for line in path.read_text().splitlines()]
    built = {record["built"]["odd"] for record in records}
    assert len(built) == 1
    assert built.pop().startswith("pip 2")


@pytest.mark.slow
def test_refused_release_can_be_the_one_that_breaks(home: Home) -> None:
    """A release that pip built and that cannot be imported is told with its cause and cure."""
    answer = check(home, "ext-works==1.0", "odd-old==1.0")
    assert answer["outcome"] == "broken"
    assert [use["name"] for use in answer["imports"]["failed"]] == ["test_odd_old"]
    assert answer["culprit"]["name"] == "tool"
    assert answer["cure"]["pins"] == ["tool<2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("requirements", "version"),
    [
        (("odd",), "2.0"),  # no prerelease
        (("odd<2",), "1.0"),
        (("needs-odd==1.0",), "1.0"),  # uv knows the limit, not we
        (("odd==3.0b1",), "3.0b1"),
        (("needs-odd==1.0", "odd!=1.0"), "0.9"),
    ],
)
def test_refused_release_is_the_one_of_pip(
    home: Home, plain: Path, requirements: tuple[str, ...], version: str
) -> None:
    """Of releases that uv refuses, the one is taken that pip takes."""
    answer = check(home, *requirements)
    assert (answer["outcome"], answer["lock"]["odd"]) == ("works", version)
    assert answer["lock"] == pip_set(home, plain)


@pytest.mark.slow
def test_older_release_is_not_taken_silently(home: Home, plain: Path) -> None:
    """Where uv would take an older release than pip, that of pip is judged."""
    answer = check(home, "mixed")
    assert answer["lock"] == pip_set(home, plain) == {"mixed": "2.0"}
    assert check(home, "mixed==1.0")["built_by_pip"] == []


@pytest.mark.slow
def test_what_pip_cannot_build_either(home: Home) -> None:
    """A release that uv refuses and pip cannot build is named and left out, the rest is judged."""
    answer = check(home, "ext-works==1.0", "odd-unbuildable==1.0")
    (obstacle,) = answer["not_installed"]
    assert (obstacle["name"], obstacle["kind"]) == ("odd-unbuildable", "does not build")
    assert "this never builds" in obstacle["symptom"]
    assert answer["built_by_pip"] == []
    assert {s["subject"]: s["outcome"] for s in answer["subjects"]}["ext-works"] == "works"


@pytest.mark.slow
def test_newer_release_that_does_not_build(home: Home) -> None:
    """Where uv does without a release that does not build, its set is judged."""
    answer = check(home, "half")
    assert (answer["outcome"], answer["lock"]) == ("works", {"half": "1.0"})
    assert (answer["not_installed"], answer["built_by_pip"]) == ([], [])


@pytest.mark.slow
def test_nothing_fits_what_is_asked_for(home: Home) -> None:
    """Where no release is one that pip takes, the package is left out and that is said."""
    done = home("check", "-r", write(home, "ext-works==1.0", "odd>0.9,<1.0"))
    assert "odd" in done.stdout
    assert home.json("check", "-r", "requirements.txt")["built_by_pip"] == []


@pytest.mark.slow
def test_same_answer_from_every_cache(home: Home) -> None:
    """Empty caches and warm ones give one answer."""
    asked = ("odd", "odd-unbuildable==1.0")
    warm = [check(home, *asked) for _ in range(2)]
    home.caches = home.folder / "empty"
    cold = check(home, *asked)
    assert [{**answer, "as_of": ""} for answer in (*warm, cold)] == [{**cold, "as_of": ""}] * 3


def test_only_this_python(home: Home) -> None:
    """The wheel that pip built is kept for the Python that it was built for, also offline."""
    online = check(home, "odd==2.0")
    assert check(home, "odd==2.0", more=("--offline",))["lock"] == online["lock"]
    folders = (home.caches / "watchdog" / "packages" / "built-by-pip").iterdir()
    assert {f"-py{PYTHON}-" in folder.name for folder in folders} == {True}
