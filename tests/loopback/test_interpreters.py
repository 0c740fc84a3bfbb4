from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from ecosystem import PYTHON
from packaging.version import Version

from watchdog.environments.interpreters import find_interpreters, installed_series, prefixes
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.release import Interpreter, how_to_install_python
from watchdog.sandbox.process import Processes


def test_find_interpreters_returns_base() -> None:
    """The running series is found as its base interpreter, not as a virtual environment."""
    found = find_interpreters([PYTHON], Processes())[PYTHON]
    assert found.version.startswith(PYTHON)
    assert Path(found.path).is_absolute()
    assert Path(found.path).resolve() == Path(sys.executable).resolve() or sys.prefix != found.path


def test_find_interpreters_missing_series() -> None:
    """A missing series is not found, and the hint contains the install command."""
    assert find_interpreters(["3.99"], Processes()) == {}
    assert "uv python install 3.99" in how_to_install_python("3.99")


@pytest.mark.parametrize("nested", [False, True])
def test_find_interpreters_resolves_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, nested: bool
) -> None:
    """A virtual environment that comes first on PATH is not taken for the machine's Python."""
    python = sys.executable
    for name in ("outer", "inner") if nested else ("outer",):
        argv = [python, "-m", "venv", "--without-pip", str(tmp_path / name)]
        subprocess.run(argv, check=True)
        folder = tmp_path / name / ("bin" if os.name == "posix" else "Scripts")
        if not (folder / f"python{PYTHON}").exists():
            (folder / f"python{PYTHON}").symlink_to(folder / "python")
        python = str(folder / "python")
    assert Path(python).exists()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    found = find_interpreters([PYTHON], Processes())[PYTHON]
    assert not Path(found.path).is_relative_to(tmp_path)
    code = "import sys; print(sys.prefix == sys.base_prefix)"
    done = subprocess.run([found.path, "-I", "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"True"]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_find_interpreters_skips_virtual_environment_without_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment whose base is not there as a Python of its own is skipped."""
    python = Path(sys.executable).resolve()
    (tmp_path / "gone").mkdir()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path / 'gone'}\n", "utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / f"python{PYTHON}").symlink_to(python)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = find_interpreters([PYTHON], Processes())[PYTHON]
    assert not Path(found.path).is_relative_to(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell script for a Python")
def test_find_interpreters_skips_broken_shim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executable on PATH that does not answer is skipped."""
    shim = tmp_path / f"python{PYTHON}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_interpreters([PYTHON], Processes())[PYTHON].path != str(shim)


def test_interpreter_setuptools_by_series() -> None:
    """An interpreter brings setuptools only before Python 3.12."""
    for series, interpreter in find_interpreters(list(PYTHON_RELEASES), Processes()).items():
        numbers = tuple(map(int, series.split(".")))
        assert (interpreter.setuptools is not None) == (numbers < (3, 12)), series


def test_python_releases_are_sorted() -> None:
    """The release dates of Python are in ascending order."""
    assert list(PYTHON_RELEASES.values()) == sorted(PYTHON_RELEASES.values())
    assert PYTHON_RELEASES["3.12"] == date(2023, 10, 2)


def test_prefixes_of_virtual_environment(tmp_path: Path) -> None:
    """The prefixes of a virtual environment are its own folder and that of its base Python."""
    real, own = tmp_path / "real", tmp_path / "own"
    for folder in (real, own):
        (folder / "bin").mkdir(parents=True)
    (real / "bin" / "python").touch()
    (own / "bin" / "python").symlink_to(real / "bin" / "python")
    python = Interpreter(str(own / "bin" / "python"), "3.11.7", None, "linux-x86_64")
    assert prefixes(python) == {str(own), str(real.resolve()), str(own.resolve())}


def test_find_interpreters_keeps_answers(tmp_path: Path) -> None:
    """A Python is asked once what it is, and again when its program is another one."""
    cache = tmp_path / "interpreters.json"
    first = find_interpreters([PYTHON], Processes(), cache)
    stopped = Processes()
    stopped.stop_all()  # nothing can be started any more
    assert find_interpreters([PYTHON], stopped, cache) == first
    assert find_interpreters([PYTHON], stopped) == {}
    text = cache.read_text("utf-8").replace(first[PYTHON].path, "/nowhere/python")
    cache.write_text(text, "utf-8")
    assert find_interpreters([PYTHON], Processes(), cache) == first
    cache.write_text("{", "utf-8")
    assert find_interpreters([PYTHON], Processes(), cache) == first


def test_installed_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of folders tell which series there are; free-threaded builds are others."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("3.98.0a2", "3.98.0a1", "3.97.4t", "pypy3.10-7.3.12"):
        (tmp_path / "pyenv" / "versions" / name).mkdir(parents=True)
    for name in ("cpython-3.99.1-linux-x86_64-gnu", "cpython-3.97.1+freethreaded-linux-x86_64-gnu"):
        (tmp_path / "uv" / name).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.96").touch()
    (tmp_path / "bin" / "python3-config").touch()
    assert installed_series() == {
        "3.96": None,
        "3.98": Version("3.98.0a2"),
        "3.99": Version("3.99.1"),
    }
