"""The forms of a tutorial's requirements file: read from git, and checked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import ecosystem
import pytest
from ecosystem import NOW, PYTHON, day
from home import Home, git
from loopback_index import LoopbackIndex

from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit
from watchdog.storage.tutorial_files import TUTORIAL_FILES, read_tutorial_files

PROGRAM = "benchmarks/tutorial_files.py"
FORMS = {
    "2025-08-01T10:00:00+00:00": "ext-works==9\n",
    "2025-08-01T12:00:00+00:00": "flask==2.0.0\nwerkzeug==2.0.0\next-import==1.0\n",
    "2025-08-09T12:00:00+00:00": "flask==2.0.0\n\nwerkzeug==2.0.0\next-import==1.0\n",
    "2025-11-10T12:00:00+00:00": "ext-works==9\n",
    "2025-11-20T12:00:00+00:00": "flask\next-import==1.0\n",
}
"""What was committed when: one is replaced on its day, one after ten days, one says the same."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository in which the requirements file changes."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    for moment, content in FORMS.items():
        (folder / "requirements.txt").write_text(content, "utf-8")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "a change", GIT_COMMITTER_DATE=moment)
    return folder


@pytest.mark.slow
def test_forms_of_a_file(tmp_path: Path, clone: Path, shared_caches: Path) -> None:
    """Each form is tried once: one works, one is broken by a release, and can be revived."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    extra = "  scenario-tea: {name: Tea, install: [flask], chapters: true}\n"
    (tmp_path / "matrix.yaml").write_text(ecosystem.matrix_yaml(extra=extra), "utf-8")
    home = Home(tmp_path, index.url, shared_caches)
    arguments = ("--as-of", NOW.isoformat(), "--python", PYTHON, "scenario-tea", str(clone))
    done = home(PROGRAM, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    first, second = sorted(
        read_tutorial_files(tmp_path / "reports").values(), key=lambda result: result.since
    )
    assert (first.since, first.until) == (date(2025, 8, 1), date(2025, 11, 10))
    assert (first.outcome, first.packages) == (Outcome.WORKS, 3)
    assert (second.since, second.until) == (date(2025, 11, 20), None)
    assert second.outcome is Outcome.BROKEN
    assert second.symptom.startswith("ImportError: cannot import name 'gone'")
    assert second.culprit == Culprit("werkzeug", "3.0.0", "2.0.0")
    assert second.broken_since == day(30)
    assert second.pins
    assert second.records
    lines = tmp_path / "reports" / TUTORIAL_FILES
    before = lines.read_bytes()
    assert home(PROGRAM, *arguments).returncode == 0
    assert lines.read_bytes() == before
    other = home(PROGRAM, *arguments, "--file", "nowhere.txt")
    assert other.returncode == 2
    assert "its history has no nowhere.txt" in other.stderr
    index.stop()


def test_unknown_tutorial(tmp_path: Path, clone: Path, shared_caches: Path) -> None:
    """A scenario that is not listed is refused in one line."""
    (tmp_path / "smokes").mkdir()
    (tmp_path / "matrix.yaml").write_text(ecosystem.matrix_yaml(), "utf-8")
    done = Home(tmp_path, "http://127.0.0.1:9/simple", shared_caches)(
        PROGRAM, "scenario-tea", str(clone)
    )
    assert done.returncode == 2
    assert "'scenario-tea' is not listed in matrix.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_that_is_no_clone(tmp_path: Path, shared_caches: Path) -> None:
    """A folder without a repository is refused in one line."""
    extra = "  scenario-tea: {name: Tea, install: [flask], chapters: true}\n"
    (tmp_path / "smokes").mkdir()
    (tmp_path / "matrix.yaml").write_text(ecosystem.matrix_yaml(extra=extra), "utf-8")
    done = Home(tmp_path, "http://127.0.0.1:9/simple", shared_caches)(
        PROGRAM, "scenario-tea", str(tmp_path)
    )
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
    assert "Traceback" not in done.stderr
