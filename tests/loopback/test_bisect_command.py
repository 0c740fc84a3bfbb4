"""`bisect` and `upgrade` with a command of the user's own, on made-up packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import day
from home import Home
from loopback_index import LoopbackIndex

PASSES = "import ext_works\nassert ext_works.use() == 42\n"
FAILS = "import ext_import\nassert ext_import.use() == 42\n"


@pytest.fixture
def project(home: Home) -> Home:
    """A folder with requirements and a script that the newest Werkzeug breaks."""
    (home.folder / "requirements.txt").write_text("ext-import  # the extension\n", "utf-8")
    (home.folder / "scenario.py").write_text(FAILS, "utf-8")
    return home


def bisect(home: Home, *args: str, command: tuple[str, ...] = ("python", "scenario.py")) -> Any:
    done = home.process("bisect", *args, "--format", "json", "--", *command)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_bisect_names_release_and_cure(project: Home) -> None:
    """Without a date the release is found, proved, dated and cured, and the file's line changed."""
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    answer = bisect(project, "-r", "requirements.txt")
    assert answer["culprit"] == {
        "name": "werkzeug",
        "version": "3.0.0",
        "last_good": "2.0.0",
        "released": day(30).isoformat().replace("+00:00", "Z"),
    }
    assert (answer["proof"], answer["outcome"]) == ("swap", "broken")
    assert answer["symptom"].startswith("ImportError: cannot import name 'gone'")
    assert answer["cure"]["pins"] == ["werkzeug<3"]
    assert "+werkzeug<3" in answer["diff"]
    assert answer["command"] == "python scenario.py"
    after = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    assert {p: b for p, b in after.items() if "reports" not in p.parts} == before


@pytest.mark.slow
def test_bisect_between_dates(project: Home) -> None:
    """With two dates the release between them is found; a bad --good is an error."""
    answer = bisect(project, "-r", "requirements.txt", "--good", day(20).isoformat())
    assert answer["culprit"]["name"] == "werkzeug"
    done = project.process(
        *("bisect", "-r", "requirements.txt", "--good", day(50).isoformat()),
        *("--", "python", "scenario.py"),
    )
    assert done.returncode == 2
    assert "does not succeed then either" in done.stderr


def test_bisect_between_locks(project: Home) -> None:
    """Of two locks the package is found by halving, its release by halving between versions."""
    good = ["ext-import==1.0", "flask==2.0.0", "werkzeug==1.0.0", "ext-works-core==1.0"]
    bad = ["ext-import==1.0", "flask==3.0.0", "werkzeug==3.0.0", "ext-works-core==2.0"]
    for name, pins in (("good.txt", good), ("bad.txt", bad)):
        (project.folder / name).write_text("\n".join(pins) + "\n", "utf-8")
    answer = bisect(project, "--good", "good.txt", "--bad", "bad.txt")
    assert (answer["culprit"]["name"], answer["culprit"]["version"]) == ("werkzeug", "3.0.0")
    assert answer["culprit"]["last_good"] == "2.0.0"
    assert answer["cure"]["pins"] == ["werkzeug<3"]


def test_bisect_flaky_command(project: Home) -> None:
    """A command that fails, and succeeds when it is run again, is not judged."""
    # An environment of links fails; the second attempt is made in one without.
    flaky = "import os, flask\nassert not os.path.islink(flask.__file__)\n"
    (project.folder / "scenario.py").write_text(flaky, "utf-8")
    done = project.process("bisect", "-r", "requirements.txt", "--", "python", "scenario.py")
    assert done.returncode == 3
    assert "succeeds and fails with the same packages" in done.stdout


def test_bisect_without_failure(project: Home) -> None:
    """A command that succeeds is said to succeed, with exit code 0."""
    (project.folder / "scenario.py").write_text("print('fine')\n", "utf-8")
    done = project.process("bisect", "-r", "requirements.txt", "--", "python", "scenario.py")
    assert done.returncode == 0, done.stderr
    assert "✓ python scenario.py succeeds" in done.stdout


@pytest.mark.slow
def test_environment_reaches_only_what_is_named(project: Home) -> None:
    """A variable is seen only if it is named, and its value is kept out of what is stored."""
    text = "import os\nraise SystemExit('KeyError: ' + os.environ.get('A_SECRET', 'nothing'))\n"
    (project.folder / "scenario.py").write_text(text, "utf-8")
    args = ("bisect", "-r", "requirements.txt", "--within", "60")
    command = ("--", "python", "scenario.py")
    hidden = project.process(*args, *command, A_SECRET="precious")
    assert "KeyError: nothing" in hidden.stdout
    shown = project.process(*args, "--env", "A_SECRET", *command, A_SECRET="precious")
    assert "KeyError: <A_SECRET>" in shown.stdout
    stored = [p.read_text("utf-8") for p in Path(project.folder / "reports").rglob("*.jsonl")]
    assert not any("precious" in text for text in stored)
    missing = project.process(*args, "--env", "NO_SUCH_NAME", *command)
    assert (missing.returncode, "--env NO_SUCH_NAME" in missing.stderr) == (2, True)


def test_upgrade_plans_pins_and_reads_source(home: Home) -> None:
    """An upgrade names the other pins, and each line that uses what is removed."""
    (home.folder / "requirements.txt").write_text(
        "flask==2.0.0\nwerkzeug==2.0.0  # pinned\next-works==1.0\n", "utf-8"
    )
    (home.folder / "src").mkdir()
    (home.folder / "src" / "app.py").write_text("import os\nfrom werkzeug import gone\n", "utf-8")
    (home.folder / "src" / "safe.py").write_text(
        "try:\n    from werkzeug import gone\nexcept ImportError:\n    gone = None\n", "utf-8"
    )
    (home.folder / "check.py").write_text("import ext_works\n", "utf-8")
    done = home.process(
        *("upgrade", "--to", "flask==3.0.0", "-r", "requirements.txt", "--format", "json"),
        *("--as-of", day(40).isoformat(), "--source", "src", "--write", "--", "python", "check.py"),
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["works"], answer["moves"]) == (0, True, ["werkzeug==3.0.0"])
    assert [(x["file"], x["line"], x["symbol"], x["release"]) for x in answer["lines"]] == [
        ("app.py", 2, "werkzeug.gone", "werkzeug 3.0.0")
    ]
    assert (home.folder / "requirements.txt").read_text("utf-8") == (
        "flask==3.0.0\nwerkzeug==3.0.0  # pinned\next-works==1.0\n"
    )


def test_upgrade_that_fails_writes_nothing(home: Home) -> None:
    """Where nothing was found that works, `--write` leaves the files as they are."""
    text = "ext-import==1.0\nflask==2.0.0\nwerkzeug==2.0.0\n"
    (home.folder / "requirements.txt").write_text(text, "utf-8")
    done = home.process(
        *("upgrade", "--to", "werkzeug==3.0.0", "-r", "requirements.txt", "--write"),
        *("--as-of", day(40).isoformat()),
    )
    assert done.returncode == 1, done.stderr
    assert (home.folder / "requirements.txt").read_text("utf-8") == text


@pytest.mark.slow
def test_two_releases_that_break_only_together(
    tmp_path: Path, empty_index: LoopbackIndex, shared_caches: Path
) -> None:
    """Of two releases that fail only together one is named, in time and between locks."""
    ecosystem.begin(empty_index, tmp_path)
    for name, at in (("left", 10), ("right", 20)):
        empty_index.add(name, "1.0", day(2), files={f"{name}.py": "NUMBER = 1\n"})
        empty_index.add(name, "2.0", day(at), files={f"{name}.py": "NUMBER = 2\n"})
    home = Home(tmp_path, empty_index.url, shared_caches / "pair")
    home.write_matrix()
    script = "import left, right\nassert left.NUMBER + right.NUMBER < 4, 'together'\n"
    (tmp_path / "scenario.py").write_text(script, "utf-8")
    (tmp_path / "requirements.txt").write_text("left\nright\n", "utf-8")
    answer = bisect(home, "-r", "requirements.txt")
    assert (answer["culprit"]["name"], answer["culprit"]["version"]) == ("right", "2.0")
    assert answer["cure"]["pins"] == ["right<2"]
    for name, number in (("good", 1), ("bad", 2)):
        text = f"left=={number}.0\nright=={number}.0\n"
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    answer = bisect(home, "--good", "good.txt", "--bad", "bad.txt")
    assert answer["culprit"]["name"] in ("left", "right")
    assert answer["runs_to_culprit"] <= 4
    done = home.process("bisect", "--good", "bad.txt", "--bad", "bad.txt", "--", "python", "-c", "")
    assert (done.returncode, "the same versions" in done.stderr) == (2, True)


@pytest.mark.slow
def test_many_changed_packages_take_few_runs(
    tmp_path: Path, empty_index: LoopbackIndex, shared_caches: Path
) -> None:
    """Of forty changed packages the one that breaks, without a trace, is found in eight runs."""
    ecosystem.begin(empty_index, tmp_path)
    names = [f"part-{number:02}" for number in range(40)]
    for number, name in enumerate(names):
        module = name.replace("-", "_")
        empty_index.add(name, "1.0", day(2), files={f"{module}.py": "OLD = True\n"})
        empty_index.add(name, "2.0", day(5 + number), files={f"{module}.py": "OLD = False\n"})
    home = Home(tmp_path, empty_index.url, shared_caches / "many")
    home.write_matrix()
    (tmp_path / "scenario.py").write_text("import part_23\nassert part_23.OLD\n", "utf-8")
    for file, number in (("good.txt", 1), ("bad.txt", 2)):
        lines = [f"{name}=={number}.0" for name in names]
        (tmp_path / file).write_text("\n".join(lines), "utf-8")
    answer = bisect(home, "--good", "good.txt", "--bad", "bad.txt")
    assert (answer["culprit"]["name"], answer["proof"]) == ("part-23", "swap")
    assert answer["runs_to_culprit"] <= 8
    assert answer["cure"]["pins"] == ["part-23<2"]


def test_upgrade_dates_removal_not_announcement(
    empty_index: LoopbackIndex, tmp_path: Path, shared_caches: Path
) -> None:
    """Of what is gone the release that removed it is told, in the words that announced it."""
    ecosystem.begin(empty_index, tmp_path)
    announced = (
        "import warnings\n"
        "def __getattr__(name):\n"
        "    if name != 'gone':\n        raise AttributeError(name)\n"
        "    warnings.warn('gone is deprecated, use there', DeprecationWarning, stacklevel=2)\n"
        "    return 1\n"
    )
    empty_index.add("werkzeug", "1.0.0", day(-3), files=ecosystem.werkzeug(1))
    empty_index.add("werkzeug", "2.0.0", day(-2), files={"werkzeug.py": announced})
    (tmp_path / "requirements.txt").write_text("flask\nwerkzeug==1.0.0\n", "utf-8")
    (tmp_path / "app.py").write_text("from werkzeug import gone\n", "utf-8")
    home = Home(tmp_path, empty_index.url, shared_caches)
    (tmp_path / "matrix.yaml").write_text(
        f'python: ["{ecosystem.PYTHON}"]\ntables:\n  today: {{}}\nextensions: {{}}\n', "utf-8"
    )
    answer = home.json("upgrade", "--to", "werkzeug==3.0.0", "-r", "requirements.txt")
    assert [(line["release"], line["text"]) for line in answer["lines"]] == [
        ("werkzeug 3.0.0", "gone is deprecated, use there")
    ]
