from __future__ import annotations

from ecosystem import PYTHON, day
from home import Home

from watchdog.model.history import PinOnNewest, PinState, PinStatus
from watchdog.storage.archive import Archive


def looked(home: Home, *versions: str) -> dict[str, PinStatus]:
    done = home("pins", *versions)
    assert done.returncode == 0, done.stderr
    return {rot.version: rot for rot in Archive(home.folder / "reports").pins()}


def test_pins_state_culprit_and_cure(home: Home) -> None:
    """Each pinned Flask is stored with its state, when it stopped working, and the cure."""
    found = looked(home)
    assert {v: r.state for v, r in found.items()} == {
        "3.0.0": PinState.WORKS,
        "2.0.0": PinState.WORKS,
        "1.0.0": PinState.ROTTED,
    }
    rotten = found["1.0.0"]
    assert rotten.rotted_on == day(30)
    assert rotten.culprit is not None
    assert (rotten.culprit.name, rotten.culprit.version) == ("werkzeug", "3.0.0")
    assert (rotten.pins, rotten.proof) == (("werkzeug<3",), "swap")
    assert rotten.newest_python == rotten.python
    assert rotten.on_newest == PinOnNewest(python=PYTHON)


def test_pins_recheck_known_cure(home: Home) -> None:
    """A second pins run tests the known state again and appends a new line."""
    looked(home, "1.0.0")
    done = home("pins", "1.0.0")
    assert done.returncode == 0, done.stderr
    assert "cured by werkzeug<3" in done.stderr
    assert f"works on Python {PYTHON}" in done.stderr
    pins = home.folder / "reports" / "pins.jsonl"
    assert len(pins.read_text("utf-8").splitlines()) == 2


def test_pins_replace_failing_cure(home: Home) -> None:
    """Another cure is searched when the stored one no longer works."""
    before = looked(home, "1.0.0")["1.0.0"]
    archive = Archive(home.folder / "reports")
    archive.add_pin(PinStatus(**{**vars(before), "pins": ("werkzeug<9",)}))
    assert looked(home, "1.0.0")["1.0.0"].pins == ("werkzeug<3",)
