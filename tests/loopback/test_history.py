from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.model.history import Culprit
from watchdog.storage.archive import Archive


def told(home: Home, subject: str = "ext-import") -> list[dict[str, Any]]:
    path = home.folder / "reports" / "history" / f"{subject}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def history(home: Home, until: datetime, *subjects: str) -> str:
    done = home("history", *subjects, "--as-of", until.isoformat())
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_history_continues(home: Home) -> None:
    """A second history run starts where the first ended and finds the new breakage."""
    history(home, day(20), "ext-import")
    (first,) = told(home)
    assert first["breakages"] == []
    said = history(home, day(60), "ext-import")
    _, second = told(home)
    assert second["since"] == first["until"]
    (breakage,) = second["breakages"]
    assert breakage["id"] == "ext-import-1.0--werkzeug-3.0.0"
    assert breakage["proof"] == "swap"
    assert second["effort"]["locks"] < 4
    assert "1 breakage;" in said


def test_history_in_parts_equals_whole(home: Home) -> None:
    """A history made in two parts has the same breakages and gaps as one made at once."""
    history(home, day(20), "ext-import")
    history(home, day(60), "ext-import")
    in_two = Archive(home.folder / "reports").history("ext-import")
    (home.folder / "reports" / "history" / "ext-import.jsonl").unlink()
    history(home, day(60), "ext-import")
    in_one = Archive(home.folder / "reports").history("ext-import")
    assert in_one is not None
    assert in_two is not None
    assert in_one.breakages == in_two.breakages
    assert in_one.gaps == in_two.gaps


def test_history_restarts_on_changed_smoke(home: Home) -> None:
    """A changed smoke makes history start from the beginning."""
    history(home, day(20), "ext-works")
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    smoke.write_text(smoke.read_text("utf-8") + "\n# changed\n", "utf-8")
    history(home, day(21), "ext-works")
    first, second = told(home, "ext-works")
    assert second["since"] == first["since"]


def test_history_bisect_again(home: Home) -> None:
    """Culprits can be searched again without running the past again."""
    history(home, day(20), "ext-import")
    history(home, day(60), "ext-import")
    path = home.folder / "reports" / "history" / "ext-import.jsonl"
    whole = Archive(home.folder / "reports").history("ext-import")
    unknown = path.read_text("utf-8").replace('"proof":"swap"', '"proof":"undetermined"')
    path.write_text(unknown, "utf-8")
    before = len(told(home))
    done = home("history", "ext-import", "--bisect-again", "--as-of", day(60).isoformat())
    assert done.returncode == 0, done.stderr
    assert len(told(home)) == before + 1
    again = Archive(home.folder / "reports").history("ext-import")
    assert whole is not None
    assert again is not None
    assert again.breakages == whole.breakages
    assert again.gaps == whole.gaps
    assert again.effort.locks == whole.effort.locks
    assert again.effort.runs - whole.effort.runs <= 2
    assert len(Archive(home.folder / "reports").chapters("ext-import")) == 1


def test_history_repeated_adds_nothing(home: Home) -> None:
    """A second history run for the same period adds no chapter."""
    history(home, day(20), "ext-works")
    history(home, day(20), "ext-works")
    assert len(told(home, "ext-works")) == 1


def test_history_shard(home: Home) -> None:
    """With --shard only the subjects of that part are replayed."""
    history(home, day(3), "ext-works", "ext-import", "--shard", "2/2")
    assert Archive(home.folder / "reports").subjects() == ["ext-import"]


@pytest.mark.slow
def test_history_infrastructure_error(
    home: Home, made_up: LoopbackIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index failure gives exit code 3 and loses one history, which a later run completes."""
    alone = Home(home.folder, home.index_url, home.folder / "caches")

    def busy(path: str, _: bytes) -> tuple[int, bytes] | None:
        return (503, b"busy") if path.endswith("ext_works-1.0-py3-none-any.whl") else None

    monkeypatch.setattr(made_up, "fault", busy)
    asked = ("history", "ext-works", "ext-import", "--as-of", day(20).isoformat())
    done = alone(*asked)
    assert done.returncode == 3, done.stderr
    assert "ext-works was not saved: a part could not be examined: uv cannot" in done.stderr
    archive = Archive(home.folder / "reports")
    assert archive.subjects() == ["ext-import"]
    monkeypatch.setattr(made_up, "fault", None)
    done = alone(*asked)
    assert done.returncode == 0, done.stderr
    past = archive.history("ext-works")
    assert past is not None
    assert all("no versions of ext-works" in why for _, _, why in past.gaps)


def test_history_rejects_invalid_arguments(home: Home) -> None:
    """An unknown subject or an invalid shard gives exit code 2 and a message."""
    done = home("history", "ext-nowhere")
    assert (done.returncode, "no subject ext-nowhere" in done.stderr) == (2, True)
    done = home("history", "--shard", "3/2")
    assert (done.returncode, "2/8" in done.stderr) == (2, True)


def test_cures_of_open_breakage(home: Home) -> None:
    """The cures command stores why a subject fails today, and what to install instead."""
    history(home, day(60), "ext-import")
    done = home("cures")
    assert done.returncode == 0, done.stderr
    archive = Archive(home.folder / "reports")
    (found,) = archive.explanations().values()
    assert found.key == ("ext-import", PYTHON)
    assert (found.typed, found.how, found.tried) == (("ext-import", "werkzeug<3"), "bound", ())
    assert found.lock is not None
    assert found.breaks is not None
    assert (found.lock.version("werkzeug"), found.breaks.version("werkzeug")) == ("2.0.0", "3.0.0")
    (span,) = found.spans
    assert (span.since, span.uses, span.evidence) == (day(30), ("test_use",), "history")
    (cause,) = span.causes
    assert (cause.culprit, cause.proof) == (Culprit("werkzeug", "3.0.0", "2.0.0"), "swap")
    assert span.works is not None
    assert span.works.version("werkzeug") == "2.0.0"
    assert archive.cures() == {}
    said = f"ext-import on Python {PYTHON}: since 2025-11-19 by werkzeug 3.0.0; pip install"
    assert said in done.stderr


@pytest.mark.slow
def test_history_sets_limit(home: Home) -> None:
    """With --sets fewer sets are run, the same breakages found and the skipped sets counted."""
    history(home, day(60), "ext-import", "ext-works")
    (all_run,) = told(home)
    for subject in ("ext-import", "ext-works"):
        (home.folder / "reports" / "history" / f"{subject}.jsonl").unlink()
    said = history(home, day(60), "ext-import", "ext-works", "--sets", "2")
    (some_run,) = told(home)
    assert some_run["breakages"] == all_run["breakages"]
    (works,) = told(home, "ext-works")
    assert works["effort"]["passed"] > 0
    assert f"{works['effort']['passed']} not run" in said
