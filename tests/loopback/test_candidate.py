from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import day
from home import Home

from watchdog.analysis.candidate import Change, Observation, compare
from watchdog.errors import ConfigurationError
from watchdog.model.evidence import Outcome
from watchdog.resolver.overlay_index import read_wheel
from watchdog.runner.wheel_builder import build_wheel

AT = ("--as-of", day(20).isoformat())
"""An instant at which everything works, with Werkzeug 2.0.0."""


def candidate(home: Home, what: str, *options: str, code: int) -> Any:
    done = home("candidate", what, *AT, "--format", "json", *options)
    assert done.returncode == code, done.stderr
    return {e["subject"]: e for e in json.loads(done.stdout)["effects"]}


def make(folder: Path, version: str, code: str) -> str:
    path = folder / f"werkzeug-{version}-py3-none-any.whl"
    path.write_bytes(build_wheel("werkzeug", version, {"werkzeug.py": code}))
    return str(path)


@pytest.mark.slow
def test_candidate_wheel_breaks_its_users(home: Home, tmp_path: Path) -> None:
    """A candidate that lacks a name regresses only the subject that uses that name."""
    found = candidate(home, make(tmp_path, "2.1.0", "VERSION = 2\n"), code=1)
    changes = {s: e["change"] for s, e in found.items()}
    assert [s for s, c in changes.items() if c == "regressed"] == ["ext-import"]
    assert found["ext-works"]["change"] == "still works"
    assert "cannot import name 'gone'" in found["ext-import"]["failures"]["import"]
    assert found["ext-import"]["lock"]["werkzeug"] == "2.1.0"


@pytest.mark.slow
def test_candidate_rebuild_changes_nothing(home: Home, tmp_path: Path) -> None:
    """A candidate with unchanged code regresses nothing and gives exit code 0."""
    code = ecosystem.werkzeug(2)["werkzeug.py"]
    found = candidate(home, make(tmp_path, "2.0.0", code), code=0)
    assert {e["change"] for e in found.values()} <= {"still works", "not judged"}


@pytest.mark.slow
def test_candidate_from_source_tree(home: Home, tmp_path: Path) -> None:
    """A source tree is built and then tested as the candidate."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n', "utf-8"
    )
    data = build_wheel("werkzeug", "2.1.0", {"werkzeug.py": "VERSION = 2\n"})
    (source / "b.py").write_text(
        "import pathlib\nNAME = 'werkzeug-2.1.0-py3-none-any.whl'\n"
        f"DATA = {data!r}\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    (pathlib.Path(folder) / NAME).write_bytes(DATA)\n    return NAME\n",
        "utf-8",
    )
    found = candidate(home, str(source), "--only", "ext-import", code=1)
    assert found["ext-import"]["change"] == "regressed"


@pytest.mark.slow
def test_candidate_from_index_release(home: Home) -> None:
    """A release of the index can be the candidate."""
    done = home(
        "candidate",
        "werkzeug==3.0.0",
        "--format",
        "markdown",
        "--only",
        "ext-import",
        "--as-of",
        day(31).isoformat(),
    )
    assert done.returncode == 0, done.stderr
    assert "1 still broken" in done.stdout


def test_candidate_markdown_output(home: Home, tmp_path: Path) -> None:
    """The Markdown report lists each regressed subject with its symptom."""
    path = make(tmp_path, "2.1.0", "VERSION = 2\n")
    done = home("candidate", path, *AT, "--format", "markdown", "--only", "ext-import")
    assert "| regressed | ext-import | `ImportError: cannot import name 'gone'" in done.stdout


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("werkzeug", "which version"),
        ("no such thing", "no wheel"),
        ("gone-1-py3-none-any.whl", "not a wheel"),
    ],
)
def test_candidate_rejects_invalid_arguments(home: Home, what: str, message: str) -> None:
    """An invalid candidate gives exit code 2 and a message."""
    done = home("candidate", what, *AT)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_read_wheel_rejects_non_wheel(tmp_path: Path) -> None:
    """A file that is not an archive is rejected as a wheel with ConfigurationError."""
    path = tmp_path / "x-1-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(ConfigurationError, match="not a wheel"):
        read_wheel(path)


OK, BAD = Observation(Outcome.WORKS), Observation(Outcome.BROKEN, fails=(("test_a", "x"),))
WORSE = Observation(Outcome.BROKEN, fails=(("test_a", "x"), ("test_b", "y")))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (OK, OK, Change.STILL_WORKS),
        (OK, BAD, Change.REGRESSED),
        (BAD, OK, Change.FIXED),
        (BAD, BAD, Change.STILL_BROKEN),
        (BAD, WORSE, Change.REGRESSED),
        (OK, Observation(Outcome.CONFLICT), Change.NOT_INSTALLABLE),
        (Observation(Outcome.CONFLICT), Observation(Outcome.CONFLICT), Change.NOT_JUDGED),
        (OK, Observation(Outcome.FLAKY), Change.NOT_JUDGED),
        (Observation(Outcome.ERROR), BAD, Change.NOT_JUDGED),
    ],
)
def test_compare_classifies_each_pair(
    before: Observation, after: Observation, change: Change
) -> None:
    """Each pair of outcomes before and after is classified as one kind of change."""
    (effect,) = compare("c", "3.13", "c", {"s": before}, {"s": after}).effects
    assert effect.change is change


@pytest.mark.parametrize(
    ("at", "byte"),
    [(4, 0x7B), (6, 0x01), (8, 0x63)],
    ids=["of a version to come", "locked", "packed in an unknown way"],
)
def test_read_wheel_rejects_unreadable_archive(tmp_path: Path, at: int, byte: int) -> None:
    """Archives that are locked or use an unsupported format are rejected as wheels."""
    data = bytearray(build_wheel("x", "1.0", {}))
    # Every entry of the directory, and what stands before each file.
    for mark, shift in ((b"PK\x01\x02", 2), (b"PK\x03\x04", 0)):
        place = data.find(mark)
        while place >= 0:
            data[place + at + shift] = byte
            place = data.find(mark, place + 4)
    path = tmp_path / "x-1.0-py3-none-any.whl"
    path.write_bytes(bytes(data))
    with pytest.raises(ConfigurationError, match="is not a wheel"):
        read_wheel(path)
