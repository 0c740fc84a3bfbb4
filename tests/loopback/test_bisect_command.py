"""`bisect` and `upgrade` with a command of the user's own, on made-up packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ecosystem import day
from home import Home

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
    """A command that fails now and then is not judged."""
    flaky = "import random\nassert random.random() < .5\n"
    (project.folder / "scenario.py").write_text(flaky, "utf-8")
    outcomes = set()
    for number in range(4):
        (project.folder / "scenario.py").write_text(f"# {number}\n{flaky}", "utf-8")
        done = project.process("bisect", "-r", "requirements.txt", "--", "python", "scenario.py")
        outcomes.add(done.returncode)
        if done.returncode == 3:
            break
    assert 3 in outcomes


def test_bisect_without_failure(project: Home) -> None:
    """A command that succeeds is said to succeed, with exit code 0."""
    (project.folder / "scenario.py").write_text("print('fine')\n", "utf-8")
    done = project.process("bisect", "-r", "requirements.txt", "--", "python", "scenario.py")
    assert done.returncode == 0, done.stderr
    assert "✓ python scenario.py succeeds" in done.stdout


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
    (home.folder / "app.py").write_text("import os\nfrom werkzeug import gone\n", "utf-8")
    (home.folder / "safe.py").write_text(
        "try:\n    from werkzeug import gone\nexcept ImportError:\n    gone = None\n", "utf-8"
    )
    (home.folder / "check.py").write_text("import ext_works\n", "utf-8")
    done = home.process(
        *("upgrade", "--to", "flask==3.0.0", "-r", "requirements.txt", "--format", "json"),
        *("--as-of", day(40).isoformat(), "--write", "--", "python", "check.py"),
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["works"], answer["moves"]) == (0, True, ["werkzeug==3.0.0"])
    assert [(x["file"], x["line"], x["symbol"], x["release"]) for x in answer["lines"]] == [
        ("app.py", 2, "werkzeug.gone", "werkzeug 3.0.0")
    ]
    assert (home.folder / "requirements.txt").read_text("utf-8") == (
        "flask==3.0.0\nwerkzeug==3.0.0  # pinned\next-works==1.0\n"
    )
