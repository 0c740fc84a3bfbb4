"""Commands that examine much: what an infrastructure failure hides is never told as a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ecosystem import PYTHON, TABLES, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.storage.declared import Measured, SeriesResult, declared_json, read_declared
from watchdog.storage.forecast import read_forecast

AS_OF = ("--as-of", day(40).isoformat())
Break = Callable[[str], None]


@pytest.fixture
def break_file(made_up: LoopbackIndex, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let the index answer 503 for a file."""

    def break_(name: str) -> None:
        def busy(path: str, _: bytes) -> tuple[int, bytes] | None:
            return (503, b"busy") if path.endswith(name) else None

        monkeypatch.setattr(made_up, "fault", busy)

    return break_


@pytest.fixture
def alone(home: Home) -> Home:
    """A home with few subjects and caches of its own."""
    home.write_matrix(tables=TABLES.replace("ext-strict", "ext-warns"))
    path = home.folder / "matrix.yaml"
    lines = path.read_text("utf-8").splitlines()
    kept = ("ext-works", "ext-warns")
    lines = [x for x in lines if not x.startswith("  ext-") or x.strip().startswith(kept)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return Home(home.folder, home.index_url, home.folder / "caches")


def test_replay_with_a_failed_index(alone: Home, break_file: Break) -> None:
    """A past with a hole of the index's is not printed; the command ends with 3 and says so."""
    break_file("ext_works-1.0-py3-none-any.whl")
    done = alone("replay", "ext-works", "--python", PYTHON, "--since", day(5).isoformat(), *AS_OF)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "the history of ext-works is incomplete" in done.stderr
    assert "run the same command again" in done.stderr


def test_declared_with_a_failed_index(alone: Home, break_file: Break) -> None:
    """Subjects that could be measured are kept; of the others the earlier result stays."""
    reports = alone.folder / "reports"
    reports.mkdir()
    earlier = Measured("ext-works", "0.9", (SeriesResult("2.0", allowed=True, works=True),))
    (reports / "declared.json").write_text(declared_json([earlier]), "utf-8")
    break_file("ext_works-1.0-py3-none-any.whl")
    done = alone("declared", *AS_OF)
    assert done.returncode == 3, done.stderr
    assert "ext-works was not measured: " in done.stderr
    assert "ext-works 1.0:" not in done.stdout
    found = {m.subject: m for m in read_declared(reports)}
    assert found["ext-works"] == earlier
    assert any(series.works for series in found["ext-warns"].series)


def test_constraints_with_a_failed_index(alone: Home, break_file: Break) -> None:
    """A set from which a subject is missing only because of the index is not written."""
    path = alone.folder / "reports" / f"constraints-{PYTHON}.txt"
    path.parent.mkdir()
    path.write_text("earlier", "utf-8")
    break_file("ext_works-1.0-py3-none-any.whl")
    done = alone("constraints", "--cooldown", "0", *AS_OF)
    assert done.returncode == 3, done.stderr
    assert path.read_text("utf-8") == "earlier"
    assert f"the set for Python {PYTHON} was not saved: " in done.stderr


def test_forecast_with_a_failed_index(alone: Home, break_file: Break) -> None:
    """What was found for other subjects is printed; nothing is stored, and the code is 3."""
    break_file("ext_works-1.0-py3-none-any.whl")
    done = alone("forecast", *AS_OF)
    assert done.returncode == 3, done.stderr
    assert "the forecast is incomplete and was not saved" in done.stderr
    assert "ext-works: " in done.stderr
    assert read_forecast(Path(alone.folder, "reports")) is None


def test_explain_with_a_failed_index(alone: Home, break_file: Break) -> None:
    """A cell that could not be examined ends with 3."""
    break_file("ext_works-1.0-py3-none-any.whl")
    done = alone("explain", f"ext-works/today/py{PYTHON}", *AS_OF)
    assert done.returncode == 3, done.stderr
