from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ecosystem import PYTHON
from hypothesis import given
from hypothesis import strategies as st
from loopback_index import LoopbackIndex

from watchdog.environments.interpreters import find_interpreters
from watchdog.errors import InfrastructureError
from watchdog.model.lock import Lock, NoAnswer, Unbuildable
from watchdog.model.release import Interpreter
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_output import parse_resolution
from watchdog.sandbox.process import Processes, ProcessResult

INTERPRETER: Interpreter = find_interpreters([PYTHON], Processes())[PYTHON]
Make = Callable[..., Uv]


@pytest.fixture
def make(made_up: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    for name in [n for n in os.environ if n.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    def make(url: str = made_up.url, *, offline: bool = False) -> Uv:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        return Uv(Processes(), tmp_path, offline=offline)

    return make


def test_uv_indexes_from_configuration(make: Make, made_up: LoopbackIndex) -> None:
    """Uv.indexes returns the index that uv is configured to use."""
    assert make().indexes().urls == (made_up.url.rstrip("/"),) or make().indexes().urls == (
        made_up.url,
    )


def test_uv_indexes_starts_no_python_of_path(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uv.indexes starts none of the Pythons on PATH, and runs uv only once."""
    started = tmp_path / "started"
    for name in ("python", "python3"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {name} >> {started}\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)  # no environment is in or above it
    uv = make()
    first = uv.indexes()
    assert not started.exists()
    monkeypatch.setattr(uv, "run", None)
    assert uv.indexes() == first


def test_uv_refresh_unreachable_index(make: Make) -> None:
    """Uv.refresh raises InfrastructureError when the index cannot be reached."""
    with pytest.raises(InfrastructureError, match="cannot be read"):
        make("http://me:secret@127.0.0.1:9/simple").refresh(["flask"], INTERPRETER)


@given(st.text(max_size=300), st.integers(0, 3))
def test_answer_of_any_output(text: str, code: int) -> None:
    """The answer is a Lock exactly when uv exits with 0, whatever it printed."""
    found = parse_resolution(ProcessResult(code, text, text, 1.0))
    assert isinstance(found, Lock) == (code == 0)


@pytest.mark.parametrize(
    "cause",
    [
        "No space left on device (os error 28)",
        "Timeout (300s) when waiting for lock on `/a/b`",
        "Connection refused (os error 111)",
    ],
)
def test_answer_of_local_failure(cause: str) -> None:
    """A failure of the machine gives NoAnswer and does not count against the package."""
    said = f"error: Failed to download and build `numpy==1.17.2`\n  cause: {cause}\n"
    assert isinstance(parse_resolution(ProcessResult(1, "", said, 1.0)), NoAnswer)


def unbuildable(said: str) -> Unbuildable:
    found = parse_resolution(ProcessResult(1, "", said, 1.0))
    assert isinstance(found, Unbuildable)
    return found


def test_unbuildable_hides_source_folder() -> None:
    """An Unbuildable answer does not show where the source was unpacked."""
    said = (
        "error: Failed to build `ext==1.0`\n"
        "  cause: The build backend returned an error\n"
        "  FileNotFoundError: [Errno 2] No such file or directory: "
        "'/home/me/.cache/uv/sdists-v11/pypi/ext/1.0/yYc_fh-U/src/docs/README.rst'\n"
    )
    found = unbuildable(said)
    assert found.symptom.endswith("No such file or directory: 'docs/README.rst'")
    assert "/home/me" not in found.log


def test_unbuildable_hides_build_folder() -> None:
    """An Unbuildable answer does not show where the build tools were installed."""
    said = (
        "error: Failed to build `ext==1.0`\n"
        "  cause: The build backend returned an error\n"
        '  File "/home/me/.cache/uv/builds-v0/.tmpq/lib/python3.9/site-packages/setuptools/x.py"\n'
        "  libraries not found in ['/home/me/.cache/uv/builds-v0/.tmpq/lib', '/usr/lib']\n"
    )
    found = unbuildable(said)
    assert "/home/me" not in found.log
    assert "<build>/lib/python3.9/site-packages/setuptools/x.py" in found.log
    assert "['<build>/lib', '/usr/lib']" in found.log


def test_uv_identity_of_settings(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only settings that can change an answer change the identity of uv."""
    before = make().identity
    monkeypatch.setenv("UV_PYTHON", "/somewhere/python")
    assert make().identity == before
    monkeypatch.setenv("UV_PRERELEASE", "allow")
    assert make().identity != before
