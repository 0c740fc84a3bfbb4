"""Our scripts compiled for the Pythons of this machine, by them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.environments import interpreters
from watchdog.environments.bytecode import Scripts, compile_sources, repair_bytecode
from watchdog.harness import PROBE
from watchdog.model.release import Interpreter
from watchdog.sandbox.process import Processes

SERIES = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    started.stop_all()


@pytest.fixture
def pythons(processes: Processes) -> dict[str, Interpreter]:
    return interpreters.find_interpreters(SERIES, processes)


def test_compiled_probe_matches_source(
    processes: Processes, pythons: dict[str, Interpreter], tmp_path: Path
) -> None:
    """The compiled probe prints the same as its source on every installed Python."""
    smoke = tmp_path / "smoke_x.py"
    smoke.write_text("def test_a():\n    '''It adds.'''\n    assert 1 + 1 == 3\n", "utf-8")
    scripts = Scripts(processes, tmp_path / "scripts")
    for python in pythons.values():
        into = tmp_path / python.version
        into.mkdir()
        compiled = scripts.put(PROBE, python, into)
        assert compiled.suffix == ".pyc"
        said = [
            subprocess.run(
                [python.path, "-I", str(script), str(smoke)],
                capture_output=True,
                text=True,
                check=False,
            )
            for script in (PROBE, compiled)
        ]
        assert "FAIL test_a  It adds." in said[1].stdout
        assert said[1].stdout == said[0].stdout
        assert said[1].stderr == said[0].stderr


def test_scripts_compile_once_per_python(
    processes: Processes, pythons: dict[str, Interpreter], tmp_path: Path
) -> None:
    """Scripts.put reuses the bytecode that it compiled earlier for the same Python."""
    scripts = Scripts(processes, tmp_path / "scripts")
    python = next(iter(pythons.values()))
    first = scripts.put(PROBE, python, tmp_path).read_bytes()
    (compiled,) = (tmp_path / "scripts").iterdir()
    before = compiled.stat().st_mtime_ns
    assert scripts.put(PROBE, python, tmp_path).read_bytes() == first
    assert compiled.stat().st_mtime_ns == before


def test_scripts_fall_back_to_source(
    processes: Processes, pythons: dict[str, Interpreter], tmp_path: Path
) -> None:
    """Scripts.put copies the source when it cannot be compiled."""
    broken = tmp_path / "broken.py"
    broken.write_text("def (\n", "utf-8")
    python = next(iter(pythons.values()))
    (tmp_path / "cell").mkdir()
    put = Scripts(processes, tmp_path / "scripts").put(broken, python, tmp_path / "cell")
    assert put == tmp_path / "cell" / "broken.py"
    assert put.read_bytes() == broken.read_bytes()


def test_missing_python_compiles_nothing(processes: Processes, tmp_path: Path) -> None:
    """With a Python that no longer exists nothing is compiled or repaired, and nothing raises."""
    gone = Interpreter(str(tmp_path / "python3.11"), "3.11.7", None, "linux")
    source = tmp_path / "a.py"
    source.write_text("a = 1\n", "utf-8")
    compile_sources(processes, gone, [str(source)])
    assert repair_bytecode(processes, gone, [tmp_path]) == []
    (tmp_path / "cell").mkdir()
    put = Scripts(processes, tmp_path / "scripts").put(source, gone, tmp_path / "cell")
    assert put.name == "a.py"
