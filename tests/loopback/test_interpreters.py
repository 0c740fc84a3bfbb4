from __future__ import annotations

import os
import stat
import sys
from datetime import date
from pathlib import Path

import pytest
from ecosystem import PYTHON

from watchdog.environments.interpreters import find_interpreters, prefixes
from watchdog.model.release import PYTHON_RELEASES, Interpreter, how_to_install_python
from watchdog.sandbox.process import Processes


def test_the_python_that_runs_this_is_found_as_its_base_not_its_environment() -> None:
    found = find_interpreters([PYTHON], Processes())[PYTHON]
    assert found.version.startswith(PYTHON)
    assert Path(found.path).is_absolute()
    assert Path(found.path).resolve() == Path(sys.executable).resolve() or sys.prefix != found.path


def test_a_python_that_is_not_here_is_not_found_and_the_way_to_it_is_told() -> None:
    assert find_interpreters(["3.99"], Processes()) == {}
    assert "uv python install 3.99" in how_to_install_python("3.99")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell script for a Python")
def test_a_shim_that_does_not_answer_is_stepped_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / f"python{PYTHON}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_interpreters([PYTHON], Processes())[PYTHON].path != str(shim)


def test_setuptools_comes_with_venv_up_to_3_11_only() -> None:
    for series, interpreter in find_interpreters(list(PYTHON_RELEASES), Processes()).items():
        numbers = tuple(map(int, series.split(".")))
        assert (interpreter.setuptools is not None) == (numbers < (3, 12)), series


def test_release_days_are_in_order() -> None:
    assert list(PYTHON_RELEASES.values()) == sorted(PYTHON_RELEASES.values())
    assert PYTHON_RELEASES["3.12"] == date(2023, 10, 2)


def test_the_python_of_a_virtual_environment_is_known_by_both_its_folders(tmp_path: Path) -> None:
    real, own = tmp_path / "real", tmp_path / "own"
    for folder in (real, own):
        (folder / "bin").mkdir(parents=True)
    (real / "bin" / "python").touch()
    (own / "bin" / "python").symlink_to(real / "bin" / "python")
    python = Interpreter(str(own / "bin" / "python"), "3.11.7", None, "linux-x86_64")
    assert prefixes(python) == {str(own), str(real.resolve()), str(own.resolve())}
