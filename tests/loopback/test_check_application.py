"""`check -r` on the kinds of dependency files that people have, on made-up packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import BACKEND, day
from home import Home
from loopback_index import LoopbackIndex

EXTENSIONS = """
  ext-young: {name: Ext-Young}
  ext-mended: {name: Ext-Mended, requires: [missing-thing]}
"""
GOOD = "def use():\n    return 42\n"
PG_CONFIG = "raise SystemExit('Error: pg_config executable not found.')\n"


def metadata(name: str) -> str:
    return f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n"


def source(backend: str, name: str) -> dict[str, str]:
    return {"pyproject.toml": BACKEND, "b.py": backend, "PKG-INFO": metadata(name)}


@pytest.fixture(scope="module")
def packages() -> Any:
    """An index with the kinds of packages that applications name."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    index.add_sdist("needs-library", "1.0", day(4), source(PG_CONFIG, "needs-library"))
    # A library that does not stand on Flask, and what it needs.
    index.add("tool", "1.0", day(3), files={"tool.py": "old = 1\n"})
    plain = {"plain.py": "from tool import old\n"}
    index.add("plain", "1.0", day(4), files=plain, requires=["tool"])
    index.add("tool", "2.0", day(32), files={"tool.py": "new = 1\n"})
    # A library that one release breaks, and a later one in another way.
    twice = {"plain_twice.py": "from steps import first\nfrom steps import second\n"}
    index.add("plain-twice", "1.0", day(4), files=twice, requires=["steps"])
    for number, text in enumerate(("first = second = 1\n", "first = 1\n", "second = 1\n"), 1):
        index.add("steps", f"{number}.0", day(3 + 10 * (number - 1)), files={"steps.py": text})
    # An extension whose smoke uses what its first version does not have yet.
    index.add("ext-young", "1.0", day(4), files={"ext_young.py": "old = 1\n"}, requires=["flask"])
    index.add("ext-young", "2.0", day(5), files={"ext_young.py": GOOD}, requires=["flask"])
    # An extension that fails in use with a later Flask, and was mended.
    index.add("missing-thing", "1.0", day(3))
    use = "import werkzeug\ndef use():\n    return werkzeug.gone + 41\n"
    index.add("ext-mended", "1.0", day(4), files={"ext_mended.py": use}, requires=["flask"])
    index.add("ext-mended", "1.1", day(33), files={"ext_mended.py": GOOD}, requires=["flask"])
    # A library that later versions mend, and the newest breaks again.
    index.add(
        "again",
        "1.0",
        day(36),
        files={"again.py": "from parts import wanted\n"},
        requires=["parts"],
    )
    for number in range(1, 9):
        text = "wanted = 1\n" if 3 <= number <= 6 else "gone = 1\n"
        index.add("parts", f"{number}.0", day(number + 31), files={"parts.py": text})
    yield index
    index.stop()


@pytest.fixture
def home(tmp_path: Path, packages: LoopbackIndex, shared_caches: Path) -> Home:
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    for name in ("ext-young", "ext-mended"):
        module = name.replace("-", "_")
        text = ecosystem.SMOKE.format(name=name, module=module)
        (tmp_path / "smokes" / f"smoke_{module}.py").write_text(text, "utf-8")
    home = Home(tmp_path, packages.url, shared_caches / "application")
    home.write_matrix(extra=EXTENSIONS)
    return home


def write(home: Home, *requirements: str) -> str:
    (home.folder / "requirements.txt").write_text("\n".join(requirements) + "\n", "utf-8")
    return "requirements.txt"


def check(home: Home, *requirements: str, more: tuple[str, ...] = ()) -> Any:
    return home.json("check", "-r", write(home, *requirements), *more)


def test_pinned_and_broken_has_cause_and_cure(home: Home) -> None:
    """Exact pins that do not fit are cured by changing the fewest lines of the file."""
    path = write(home, "# pins", "flask==1.0.0", "werkzeug==3.0.0  # newest")
    done = home("check", "-r", path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "cannot start: Flask cannot be imported" in lines[0]
    assert "caused by werkzeug 3.0.0 (it worked with 2.0.0; proof: swap)" in done.stdout
    assert "  -werkzeug==3.0.0  # newest" in lines
    assert "  +werkzeug<3  # newest" in lines
    answer = home.json("check", "-r", path)
    assert answer["cure"]["pins"] == ["werkzeug<3"]
    assert (answer["outcome"], answer["stage"]) == ("broken", "import")


def test_failure_that_changed_its_form_has_both_causes(home: Home) -> None:
    """The release that broke a pinned set is named, and the one since which it fails as today."""
    answer = check(home, "flask==3.0.0", "plain-twice==1.0", "steps==3.0")
    assert answer["symptom"].startswith("ImportError: cannot import name 'first' from 'steps'")
    assert (answer["culprit"]["name"], answer["culprit"]["version"]) == ("steps", "2.0")
    later = answer["later"]
    assert (later["culprit"]["version"], later["culprit"]["last_good"]) == ("3.0", "2.0")
    assert answer["cure"]["pins"] == ["steps<2"]
    text = home("check", "-r", write(home, "flask==3.0.0", "plain-twice==1.0", "steps==3.0"))
    assert "caused by steps 2.0 (it worked with 1.0; proof: swap)" in text.stdout
    assert "caused by steps 3.0 (the release before it was 2.0; proof: swap)" in text.stdout


def test_newer_extension_is_the_nearest_change(home: Home) -> None:
    """An extension that was mended is raised to its first version that works."""
    answer = check(home, "flask==3.0.0", "ext-mended==1.0")
    assert [use["symptom"] for s in answer["subjects"] for use in s["failed"]] == [
        "AttributeError: module 'werkzeug' has no attribute 'gone'"
    ]
    assert answer["cure"]["pins"] == ["ext-mended>=1.1"]
    assert "+ext-mended>=1.1" in answer["diff"]


def test_newest_version_that_fails_is_excluded(home: Home) -> None:
    """A version between the one that is pinned and the newest is found, where only that works."""
    answer = check(home, "flask==3.0.0", "again==1.0", "parts==2.0")
    assert answer["cure"]["pins"] == ["parts<7,>=3"]


def test_smoke_that_is_too_new_judges_nothing(home: Home) -> None:
    """A use that fails in packages of the version's own time is not judged, and is no breakage."""
    path = write(home, "flask==2.0.0", "ext-young==1.0")
    done = home("check", "-r", path)
    assert done.returncode == 0
    assert "not judged, ext-young: with 1.0 it fails in packages of its own time" in done.stdout
    assert home.json("check", "-r", path)["outcome"] == "works"


def test_what_does_not_build_is_named_and_left_out(home: Home) -> None:
    """A package that does not build is told by name, and the rest is judged without it."""
    answer = check(home, "ext-works==1.0", "ext-unbuildable==1.0")
    assert (answer["outcome"], answer["stage"]) == ("broken", "install")
    (obstacle,) = answer["not_installed"]
    assert (obstacle["name"], obstacle["version"]) == ("ext-unbuildable", "1.0")
    assert obstacle["kind"] == "does not build"
    assert {s["subject"]: s["outcome"] for s in answer["subjects"]} == {
        "flask": "works",
        "ext-works": "works",
    }
    done = home("check", "-r", "requirements.txt")
    assert "cannot be installed: ext-unbuildable 1.0 does not build" in done.stdout
    assert "RuntimeError: this never builds" in answer["not_installed"][0]["symptom"]


def test_what_the_machine_lacks_is_no_breakage(home: Home) -> None:
    """A package that needs a system library is not judged; the rest is, and decides."""
    path = write(home, "ext-works==1.0", "needs-library==1.0")
    done = home("check", "-r", path)
    assert done.returncode == 0
    assert "needs-library 1.0 was not judged: this machine lacks the program pg_config" in (
        done.stdout
    )
    assert "apt install libpq-dev" in done.stdout


def test_what_was_asked_for_and_cannot_be_built_does_not_work(home: Home) -> None:
    """A package that is named after `check` and is not judged is not said to work by others."""
    done = home("check", "needs-library==1.0", "ext-works==1.0")
    assert "needs-library==1.0 ext-works==1.0: not judged on Python" in done.stdout, done.stdout
    assert "this machine lacks the program pg_config" in done.stdout


def test_everything_that_is_named_is_imported(home: Home) -> None:
    """A package that does not stand on Flask is imported, and its failure has cause and cure."""
    answer = check(home, "ext-works==1.0", "plain==1.0")
    assert answer["imports"]["outcome"] == "broken"
    assert [use["name"] for use in answer["imports"]["failed"]] == ["test_plain"]
    assert answer["culprit"]["name"] == "tool"
    assert answer["cure"]["pins"] == ["tool<2"]
    assert "plain cannot be imported" in home("check", "-r", "requirements.txt").stdout


def test_missing_optional_package_skips_no_other_use(home: Home) -> None:
    """An extension is run although a package that its smoke could use is not in the file."""
    answer = check(home, "flask==2.0.0", "ext-mended==1.1", "werkzeug==2.0.0")
    assert {s["subject"]: s["outcome"] for s in answer["subjects"]}["ext-mended"] == "works"


def test_unknown_package_is_left_out(home: Home) -> None:
    """A package that no index has is said, and the rest goes on."""
    done = home("check", "-r", write(home, "ext-works==1.0", "company-secrets==7"))
    assert done.returncode == 0
    assert "company-secrets was not judged: it is not on the package index" in done.stdout


def test_conflict_fails_a_gate(home: Home) -> None:
    """Requirements that exclude each other end with exit code 1."""
    done = home("check", "-r", write(home, "flask==3.0.0", "werkzeug==2.0.0"))
    assert done.returncode == 1
    assert "cannot be installed" in done.stdout


def test_upgrade_beside_a_newest_release_that_breaks(home: Home) -> None:
    """An upgrade is found although a package fails in its newest version, which is not needed."""
    path = write(home, "flask==2.0.0", "werkzeug==2.0.0", "plain==1.0", "tool==1.0")
    done = home("check", "-r", path, "--upgrade-to", "flask==3.0.0")
    assert done.returncode == 1, done.stdout
    assert "what must change as well: werkzeug==3.0.0" in done.stdout


@pytest.mark.slow
def test_upgrade_keeps_markers_and_moves_the_fewest(home: Home) -> None:
    """An upgrade names only the pins that must move; markers and others stay."""
    answer = check(
        home,
        'plain==1.0; sys_platform == "win32"',
        "ext-works==1.0",
        "ext-mended==1.0",
        "flask==2.0.0",
        "werkzeug==2.0.0",
        more=("--flask", "3.0"),
    )
    assert answer["outcome"] == "conflict"
    assert answer["moves"] == ["ext-mended==1.1", "werkzeug==3.0.0"]


@pytest.mark.slow
def test_quick_and_within(home: Home) -> None:
    """`--quick` prints the verdict alone; a budget that is spent is said."""
    path = write(home, "flask==1.0.0", "werkzeug==3.0.0")
    quick = home("check", "-r", path, "--quick")
    assert "cannot start" in quick.stdout
    assert "caused by" not in quick.stdout
    assert "no change of versions was found" not in quick.stdout
    short = home("check", "-r", path, "--within", "1", FLASK_WATCHDOG_CACHE=str(home.folder / "c"))
    assert "was stopped when the time was up" in short.stdout


def test_the_lock_is_printed_on_request(home: Home) -> None:
    """The first line names the file and counts; the versions stand in JSON and under --lock."""
    path = write(home, "ext-works==1.0")
    plain = home("check", "-r", path).stdout
    assert plain.startswith("✓ requirements.txt (1 requirement): works")
    assert "werkzeug==" not in plain
    assert "werkzeug==3.0.0" in home("check", "-r", path, "--lock").stdout


@pytest.mark.slow
def test_same_answer_from_empty_caches(home: Home) -> None:
    """What fills the caches first does not change an answer."""
    path = write(home, "ext-works==1.0", "ext-unbuildable==1.0", "needs-library==1.0", "plain==1.0")
    warm = home.json("check", "-r", path)
    cold = home.json("check", "-r", path)
    home.caches = home.folder / "empty"
    cold = home.json("check", "-r", path)
    assert {k: v for k, v in warm.items() if k != "as_of"} == {
        k: v for k, v in cold.items() if k != "as_of"
    }


def test_no_matrix_here(home: Home) -> None:
    """In the folder of an application the built-in field is used, and nothing is written there."""
    (home.folder / "matrix.yaml").write_text("jobs: [a, b]\n", "utf-8")
    path = write(home, "flask==3.0.0")
    before = sorted(home.folder.iterdir())
    done = home("check", "-r", path, XDG_DATA_HOME=str(home.folder.parent / "data"))
    assert done.returncode == 0, done.stderr
    assert sorted(home.folder.iterdir()) == before
