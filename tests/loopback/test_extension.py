"""A maintainer's own extension, at home; tests/workflows has the workflow."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Callable
from pathlib import Path

import ecosystem
import pytest
from ecosystem import PYTHON, day
from home import Home, git

from watchdog.runner.wheel_builder import build_wheel

USES_GONE = "from werkzeug import gone\ndef use():\n    return 42\n"
SMOKE = ecosystem.SMOKE.format(name="ext-mine", module="ext_mine")


def write_backend(folder: Path, requirement: str) -> None:
    """Let the project build a wheel with one requirement."""
    data = build_wheel("ext-mine", "1.0", {"ext_mine.py": USES_GONE}, requires=[requirement])
    (folder / "b.py").write_text(
        "import pathlib\nNAME = 'ext_mine-1.0-py3-none-any.whl'\n"
        f"DATA = {data!r}\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    (pathlib.Path(folder) / NAME).write_bytes(DATA)\n    return NAME\n",
        "utf-8",
    )


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The repository of an extension that uses something of Werkzeug that is to go."""
    folder = tmp_path / "ext-mine"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(ecosystem.BACKEND, "utf-8")
    write_backend(folder, "flask")
    (folder / "smoke.py").write_text(SMOKE, "utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


Checked = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checked(home: Home, mine: Path) -> Checked:
    def check(at: float, *args: str) -> subprocess.CompletedProcess[str]:
        return home(
            "extension",
            str(mine),
            "--smoke",
            str(mine / "smoke.py"),
            "--python",
            PYTHON,
            "--flask",
            "since 1.0",
            "--as-of",
            day(at).isoformat(),
            *args,
        )

    return check


def test_extension_page_names_the_wheel(checked: Checked, home: Home) -> None:
    """A page says how to test the wheel again, and that it is on no index."""
    done = checked(40)
    assert done.returncode == 1, done.stderr + done.stdout
    page = html.unescape(
        (home.folder / "reports" / "subjects" / "ext-mine.html").read_text("utf-8")
    )
    assert (
        f"flask-watchdog extension ext_mine-1.0-py3-none-any.whl --python {PYTHON} --smoke smoke.py"
        "  # needs that wheel: it is on no package index"
    ) in page
    assert "flask-watchdog smoke ext-mine" not in page


@pytest.mark.slow
def test_extension_reports_new_breakage_once(checked: Checked) -> None:
    """A new breakage gives exit code 1 and the culprit; a known one gives exit code 0."""
    before = checked(20)
    assert before.returncode == 0, before.stderr + before.stdout
    assert "works" in before.stdout
    after = checked(40)
    assert after.returncode == 1, after.stderr + after.stdout
    assert "Culprit: **werkzeug 3.0.0**" in after.stdout
    assert "with 2.0.0 it works" in after.stdout
    assert "New: ImportError: cannot import name 'gone'" in after.stdout
    again = checked(41)
    assert again.returncode == 0, again.stderr + again.stdout
    assert "Known: ImportError" in again.stdout


@pytest.mark.slow
def test_extension_first_look_and_known(checked: Checked) -> None:
    """A breakage in the first run gives exit code 1 unless --known names it."""
    assert checked(40).returncode == 1
    assert checked(40.5, "--reports", "other", "--known", "ext-mine/*").returncode == 0


def test_extension_failing_smoke_is_broken(home: Home, mine: Path) -> None:
    """A smoke given by the user that never passes is reported as broken."""
    (mine / "smoke.py").write_text(SMOKE.replace("42", "43"), "utf-8")
    done = home(
        "extension",
        str(mine),
        "--smoke",
        str(mine / "smoke.py"),
        "--python",
        PYTHON,
        "--as-of",
        day(20).isoformat(),
    )
    assert done.returncode == 1, done.stderr + done.stdout
    assert "assert" in done.stdout


def test_extension_that_cannot_be_installed_is_no_success(checked: Checked, mine: Path) -> None:
    """Where no cell can be judged the exit code is 3: a gate in CI must not be green."""
    write_backend(mine, "flask<1")
    done = checked(20)
    assert done.returncode == 3, done.stderr + done.stdout
    assert "could be judged" in done.stderr


def test_extension_rejects_invalid_arguments(checked: Checked, home: Home) -> None:
    """An invalid rule or an argument that is not a project gives exit code 2 and a message."""
    done = checked(40, "--flask", "newer than ever")
    assert done.returncode == 2
    assert "is not a rule" in done.stderr
    done = home("extension", "flask==2.0.0")
    assert done.returncode == 2
    assert "neither a wheel nor a folder" in done.stderr
