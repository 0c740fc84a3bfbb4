"""Why a subject fails today: `cures`, `explain` and `check` where one failure hid another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ecosystem import BACKEND, OLDER, PYTHON, SMOKE, begin, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.environments.interpreters import find_interpreters
from watchdog.model.history import Culprit, Explanation
from watchdog.sandbox.process import Processes
from watchdog.storage.archive import Archive

SUBJECTS = ("ext-twice", "ext-lost", "ext-mended")

TWICE = """
import flask
import second_core
import first_core
def use():
    second_core.check()
    return first_core.use()
"""
"""Fails since first-core 2.0, and in another way since second-core 2.0, which is found first."""

LAYERS = """
import layer_one
import layer_two
def use():
    assert layer_one.VERSION < 2, "one"
    assert layer_two.VERSION < 2, "two"
    return 42
"""


def publish(index: LoopbackIndex) -> None:
    """Publish what fails in one way and then in another, what fails, and what was mended."""
    works = "def use():\n    return 42\n"
    index.add("first-core", "1.0", day(2), files={"first_core.py": works})
    fails = "def use():\n    raise KeyError('first')\n"
    index.add("first-core", "2.0", day(20), files={"first_core.py": fails})
    index.add("second-core", "1.0", day(2), files={"second_core.py": "def check(): pass\n"})
    fails = "def check():\n    raise ValueError('second')\n"
    index.add("second-core", "2.0", day(30), files={"second_core.py": fails})
    needs = ["flask", "first-core", "second-core"]
    index.add("ext-twice", "1.0", day(4), files={"ext_twice.py": TWICE}, requires=needs)
    fails = "def use():\n    raise RuntimeError('lost')\n"
    index.add("lost-core", "1.0", day(2), files={"lost_core.py": works})
    index.add("lost-core", "2.0", day(20), files={"lost_core.py": fails})
    use = "import flask\nfrom {} import use\n"
    for name, core in (("ext-lost", "lost_core"), ("ext-mended", "first_core")):
        files = {f"{name.replace('-', '_')}.py": use.format(core)}
        index.add(name, "1.0", day(4), files=files, requires=["flask", core.replace("_", "-")])
    mended = {"ext_mended.py": "import flask\n" + works}
    index.add("ext-mended", "1.1", day(40), files=mended, requires=["flask"])


@pytest.fixture
def twice(tmp_path: Path, empty_index: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder with the matrix of these subjects."""
    begin(empty_index, tmp_path)
    publish(empty_index)
    for name in SUBJECTS:
        module = name.replace("-", "_")
        text = SMOKE.format(name=name, module=module)
        (tmp_path / "smokes" / f"smoke_{module}.py").write_text(text, "utf-8")
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 10, memory_mb: 1024}"]
    lines += ["tables:", "  today: {}", "extensions:"]
    lines += [f"  {name}: {{name: {name.title()}}}" for name in SUBJECTS]
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return Home(tmp_path, empty_index.url, shared_caches / "twice")


def ran(home: Home, *arguments: str) -> str:
    done = home(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def explanations(home: Home) -> dict[str, Explanation]:
    found = Archive(home.folder / "reports").explanations()
    assert {python for _, python in found} == {PYTHON}
    return {subject: explanation for (subject, _), explanation in found.items()}


def instant(number: int) -> str:
    return day(number).isoformat().replace("+00:00", "Z")


FIRST = Culprit("first-core", "2.0", "1.0")
SECOND = Culprit("second-core", "2.0", "1.0")


def test_check_follows_the_use(twice: Home) -> None:
    """`check` dates a failure from when the use began to fail, and tells the later cause too."""
    found: Any = twice.json("check", "ext-twice")
    assert found["symptom"] == "ValueError: second"
    assert (found["since"], found["culprit"]["name"], found["culprit"]["version"]) == (
        instant(20),
        "first-core",
        "2.0",
    )
    assert found["later"] == {
        "since": instant(30),
        "culprit": {"name": "second-core", "version": "2.0", "last_good": "1.0"},
        "proof": "swap",
        "symptom": "ValueError: second",
    }
    assert sorted(found["cure"]["pins"]) == ["first-core<2", "second-core<2"]
    said = twice("check", "ext-twice").stdout
    assert (
        "since 2025-11-09 12:00 UTC, caused by first-core 2.0 (it worked with 1.0; proof: swap)\n"
        "  the error of today since 2025-11-19 12:00 UTC, caused by second-core 2.0 "
        "(the release before it was 1.0; proof: swap)\n"
    ) in said


def test_check_with_one_cause(twice: Home) -> None:
    """Where the failure of today is that of the beginning, there is no later cause."""
    found: Any = twice.json("check", "ext-lost")
    assert (found["since"], found["culprit"]["name"]) == (instant(20), "lost-core")
    assert found["later"] is None
    assert "the error of today" not in twice("check", "ext-lost").stdout


@pytest.mark.slow
def test_cures_explain_each_failure(twice: Home) -> None:
    """`cures` stores since when each failure lasts, its causes in turn, and what works."""
    ran(twice, "run")
    first = ran(twice, "cures")
    found = explanations(twice)
    assert found.keys() == {"ext-twice", "ext-lost"}
    cured = found["ext-twice"]
    (span,) = cured.spans
    assert (span.since, span.uses, span.evidence) == (day(20), ("test_use",), "search")
    one, two = span.causes
    assert (one.culprit, one.since, one.proof) == (FIRST, day(20), "swap")
    assert (two.culprit, two.since, two.symptom) == (SECOND, day(30), "ValueError: second")
    assert cured.typed == ("ext-twice", "first-core<2", "second-core<2")
    assert cured.lock is not None
    assert (cured.lock.version("first-core"), cured.lock.version("second-core")) == ("1.0", "1.0")
    assert twice("report").returncode == 0
    page = (twice.folder / "reports" / "index.html").read_text("utf-8")
    assert "has not been searched yet" not in page
    assert "because of first-core 2.0, then second-core 2.0 · proved" in page
    # On the same day nothing is explained again.
    path = twice.folder / "reports" / "explanations.jsonl"
    before = path.read_text("utf-8")
    assert len(before.splitlines()) == len(found)
    assert f"ext-twice on Python {PYTHON}: since 2025-11-09 by first-core 2.0" in first
    assert "on Python" not in ran(twice, "cures")
    assert path.read_text("utf-8") == before


@pytest.mark.slow
def test_cures_say_what_was_tried(twice: Home, empty_index: LoopbackIndex) -> None:
    """Where nothing works any more, the card says what was tried."""
    ran(twice, "run")
    lost = [u for u in empty_index.files["lost-core"] if "-1.0-" not in u.filename]
    empty_index.files["lost-core"] = lost
    said = ran(replace(twice, caches=twice.folder / "caches"), "cures", "ext-lost")
    found = explanations(twice)["ext-lost"]
    assert (found.typed, found.lock, found.spans) == (None, None, ())
    assert found.tried == (f"every earlier set on Python {PYTHON}: none works",)
    assert f"ext-lost on Python {PYTHON}: since when is not known; no versions" in said
    assert twice("report").returncode == 0
    page = (twice.folder / "reports" / "index.html").read_text("utf-8")
    assert f"No versions were found that work on Python {PYTHON}. Tried: every earlier" in page


@pytest.mark.slow
def test_cures_try_the_major_before(twice: Home, empty_index: LoopbackIndex) -> None:
    """What never worked as it is typed may work with the major version before of a package."""
    uploads = [u for u in empty_index.files["lost-core"] if "-2.0-" in u.filename]
    empty_index.files["lost-core"] = uploads
    works = {"lost_core.py": "def use():\n    return 42\n"}
    empty_index.add("lost-core", "1.5", day(40), files=works)
    text = SMOKE.format(name="scenario-lost", module="lost_core")
    (twice.folder / "smokes" / "smoke_scenario_lost.py").write_text(text, "utf-8")
    with (twice.folder / "matrix.yaml").open("a", encoding="utf-8") as matrix:
        matrix.write("  scenario-lost: {name: Lost, install: [flask, lost-core]}\n")
    home = replace(twice, caches=twice.folder / "caches")
    ran(home, "run", "--only", "scenario-lost")
    ran(home, "cures", "scenario-lost")
    found = explanations(home)["scenario-lost"]
    assert found.typed == ("flask", "lost-core<2")
    assert found.lock is not None
    assert found.lock.version("lost-core") == "1.5"


@pytest.mark.slow
def test_cures_hold_back_what_the_history_knows(twice: Home, empty_index: LoopbackIndex) -> None:
    """On a Python that came later, everything is held as it last worked, and then what is needed.

    The second failure was never seen, since the first one hides it.
    """
    if OLDER not in find_interpreters([OLDER], Processes()):
        pytest.skip(f"needs Python {OLDER}: uv python install {OLDER}")
    for name, number in (("layer-one", 20), ("layer-two", 30)):
        module = name.replace("-", "_")
        for version, released in ((1, 2), (2, number)):
            files = {f"{module}.py": f"VERSION = {version}\n"}
            empty_index.add(name, f"{version}.0", day(released), files=files)
    needs = ["flask", "layer-one", "layer-two"]
    empty_index.add("ext-layers", "1.0", day(4), files={"ext_layers.py": LAYERS}, requires=needs)
    text = SMOKE.format(name="ext-layers", module="ext_layers")
    (twice.folder / "smokes" / "smoke_ext_layers.py").write_text(text, "utf-8")
    path, home = twice.folder / "matrix.yaml", replace(twice, caches=twice.folder / "caches")
    matrix = path.read_text("utf-8") + "  ext-layers: {name: Layers}\n"
    path.write_text(matrix.replace(f'["{PYTHON}"]', f'["{OLDER}"]'), "utf-8")
    ran(home, "history", "ext-layers")
    path.write_text(matrix, "utf-8")
    ran(home, "run", "--only", "ext-layers")
    ran(home, "cures", "ext-layers")
    found = explanations(home)["ext-layers"]
    assert found.typed == ("ext-layers", "layer-one<2", "layer-two<2")


def test_cure_shows_the_date_of_another_python(twice: Home) -> None:
    """The past of one Python is searched; on the other the bound of the cure shows the date."""
    path, home = twice.folder / "matrix.yaml", replace(twice, caches=twice.folder / "caches")
    matrix = path.read_text("utf-8").replace(f'["{PYTHON}"]', f'["{OLDER}", "{PYTHON}"]')
    path.write_text(matrix, "utf-8")
    ran(home, "run", "--only", "ext-lost")
    ran(home, "cures", "ext-lost")
    found = Archive(home.folder / "reports").explanations()
    for python, evidence in ((PYTHON, "search"), (OLDER, "edge")):
        (span,) = found["ext-lost", python].spans
        assert (span.since, span.evidence) == (day(20), evidence)
        assert [c.culprit for c in span.causes] == [Culprit("lost-core", "2.0", "1.0")]


PARTS = """
import flask
import first_core
import parts_core
def use():
    result = first_core.use()
    return result + parts_core.zero()
"""
"""Fails since first-core 2.0, and since parts-core 2.0 for want of a module of setuptools."""


BARE = "3.12"
"""A Python whose environments have no setuptools."""


@pytest.mark.slow
@pytest.mark.skipif(not find_interpreters([BARE], Processes()), reason=f"needs Python {BARE}")
def test_cure_adds_the_package_of_a_missing_module(twice: Home, empty_index: LoopbackIndex) -> None:
    """Where bounds leave a module missing that setuptools has, it is added to what is typed."""
    empty_index.add("setuptools", "80.0", day(1), files={"pkg_resources.py": ""})
    empty_index.add("setuptools", "82.0", day(30))
    parts = {"parts_core.py": "def zero():\n    import pkg_resources\n    return 0\n"}
    empty_index.add("parts-core", "1.0", day(2), files=parts, requires=["setuptools<82"])
    empty_index.add("parts-core", "2.0", day(31), files=parts)
    for name, code in (("ext-parts", PARTS), ("ext-bare", PARTS.replace("first_core.use()", "42"))):
        module = name.replace("-", "_")
        needs = ["flask", "first-core", "parts-core"]
        empty_index.add(name, "1.0", day(4), files={f"{module}.py": code}, requires=needs)
        text = SMOKE.format(name=name, module=module)
        (twice.folder / "smokes" / f"smoke_{module}.py").write_text(text, "utf-8")
    path, home = twice.folder / "matrix.yaml", replace(twice, caches=twice.folder / "caches")
    more = "  ext-parts: {name: Parts, requires: [first-core]}\n  ext-bare: {name: Bare}\n"
    matrix = path.read_text("utf-8").replace(f'["{PYTHON}"]', f'["{BARE}"]') + more
    path.write_text(matrix, "utf-8")
    ran(home, "run", "--only", "ext-parts", "--only", "ext-bare")
    ran(home, "cures", "ext-parts", "ext-bare")
    found = Archive(home.folder / "reports").explanations()
    assert found["ext-bare", BARE].typed == ("ext-bare", "setuptools<82")
    assert found["ext-parts", BARE].typed == ("ext-parts", "first-core<2", "setuptools<82")


@pytest.mark.slow
def test_cures_explain_a_failed_build(twice: Home, empty_index: LoopbackIndex) -> None:
    """Of a subject that cannot be installed, `cures` finds the release that does not build."""
    files = {
        "pyproject.toml": BACKEND,
        "b.py": "raise RuntimeError('this never builds')\n",
        "PKG-INFO": "Metadata-Version: 1.0\nName: lost-core\nVersion: 1.1\n",
    }
    files_of = empty_index.files
    files_of["lost-core"] = [u for u in files_of["lost-core"] if "-2.0-" not in u.filename]
    empty_index.add_sdist("lost-core", "1.1", day(33), files)
    home = replace(twice, caches=twice.folder / "caches")
    ran(home, "run")
    ran(home, "cures", "ext-lost")
    found = explanations(home)["ext-lost"]
    assert (found.typed, found.how) == (("ext-lost", "lost-core<1.1"), "bound")
    (span,) = found.spans
    assert (span.since, span.uses) == (day(33), ("",))
    assert [(c.culprit, c.proof) for c in span.causes] == [
        (Culprit("lost-core", "1.1", "1.0"), "swap")
    ]
    ran(home, "report")
    page = (home.folder / "reports" / "subjects" / "ext-lost.html").read_text("utf-8")
    assert "cannot be installed" in page
    assert "has not been searched yet" not in page
    assert "because of lost-core 1.1 · proved" in page


def test_cures_of_ended_breakages(twice: Home) -> None:
    """With --all the cures command also stores how to stay on the version that broke once."""
    ran(twice, "history", "ext-mended")
    (breakage,) = Archive(twice.folder / "reports").breakages()
    assert (breakage.broken_from, breakage.fixed_on) == (day(20), day(40))
    ran(twice, "cures", "ext-mended")
    assert Archive(twice.folder / "reports").cures() == {}
    ran(twice, "cures", "ext-mended", "--all")
    cure = Archive(twice.folder / "reports").cures()[breakage.id]
    assert (cure.typed, cure.how) == (("ext-mended==1.0", "first-core<2"), "bound")
    assert cure.lock is not None
    assert cure.lock.version("first-core") == "1.0"
    assert Archive(twice.folder / "reports").explanations() == {}


@pytest.mark.slow
def test_history_of_successive_failures_is_one_breakage(twice: Home) -> None:
    """History, pages, `explain` and the JSON tell one breakage since the first of its causes."""
    ran(twice, "run")
    ran(twice, "history", "ext-twice")
    (one, two) = Archive(twice.folder / "reports").breakages()
    ran(twice, "cures", "ext-twice")
    assert [span.evidence for span in explanations(twice)["ext-twice"].spans] == ["history"]
    assert twice("report").returncode == 0
    reports = twice.folder / "reports"
    past = json.loads((reports / "api" / "v1" / "history.json").read_text("utf-8"))["breakages"]
    assert [(b["id"], b["broken_from"], b["causes"], b["goes_on"]) for b in past] == [
        (one.id, instant(20), ["first-core 2.0", "second-core 2.0"], True)
    ]
    today = json.loads((reports / "api" / "v1" / "today.json").read_text("utf-8"))["breakages"]
    (now,) = (b for b in today if b["subjects"] == ["ext-twice"])
    assert (now["since"], now["culprit"], now["causes"]) == (
        instant(20),
        "first-core 2.0",
        ["first-core 2.0", "second-core 2.0"],
    )
    assert now["page"] == f"breakages/{one.id}.html"
    # The page of the second cause leads to that of the whole.
    moved = (reports / "breakages" / f"{two.id}.html").read_text("utf-8")
    assert f'content="0; url={one.id}.html"' in moved
    assert f'href="{one.id}.html"' in moved
    for name in (one.id, two.id):
        said = twice("explain", name)
        assert said.returncode == 0, said.stderr
        assert said.stdout.splitlines()[0] == one.id
        assert "2025-11-09 12:00 UTC by first-core 2.0" in said.stdout
        assert "2025-11-19 12:00 UTC by second-core 2.0" in said.stdout
        assert "pip install ext-twice 'first-core<2' 'second-core<2'" in said.stdout
    cell: Any = twice.json("explain", f"ext-twice/today/py{PYTHON}")
    assert (cell["since"], cell["later"]["since"]) == (instant(20), instant(30))


@pytest.mark.slow
def test_old_addresses_have_pages(twice: Home) -> None:
    """What was published once is still there: it leads to the breakage, or says it is withdrawn."""
    ran(twice, "run")
    ran(twice, "history", "ext-twice")
    reports = twice.folder / "reports"
    old = [
        {"id": "ext-twice-1.0--flask-3.0.0", "subject": "ext-twice", "since": instant(25)},
        {"id": "ext-twice-1.0--python-3.8", "subject": "ext-twice", "since": instant(10)},
    ]
    (reports / "addresses.jsonl").write_text("".join(json.dumps(o) + "\n" for o in old), "utf-8")
    assert twice("report").returncode == 0
    (one, _) = Archive(reports).breakages()
    moved = (reports / "breakages" / "ext-twice-1.0--flask-3.0.0.html").read_text("utf-8")
    assert f'content="0; url={one.id}.html"' in moved
    gone = (reports / "breakages" / "ext-twice-1.0--python-3.8.html").read_text("utf-8")
    assert "was withdrawn" in gone
    assert 'http-equiv="refresh"' not in gone
    assert 'href="../subjects/ext-twice.html"' in gone
    page = (reports / "breakages" / f"{one.id}.html").read_text("utf-8")
    assert "cannot be imported" not in page
    assert "since 9 Nov 2025, because of first-core 2.0, then second-core 2.0." in page
