"""The tester tested: made-up packages whose outcome is known, beside the real cells."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from home import Home

ONLY = ("--only", "ext-works")


def damaged(home: Home) -> str:
    """Return a folder for PYTHONPATH that makes the judge call everything fine.

    The last passed self test is forgotten: a run of a few cells would rely on it.
    """
    (home.caches / "watchdog" / "self-test.json").unlink(missing_ok=True)
    folder = home.folder / "damaged"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import watchdog.runner.trials\n"
        "from watchdog.model.evidence import Judgement, Outcome, Stage\n"
        "watchdog.runner.trials.agree = lambda _: Judgement(Outcome.WORKS, Stage.SMOKE)\n",
        "utf-8",
    )
    return str(folder)


def test_self_test_passes_without_trace(
    home: Home,
) -> None:
    """A run with correct known answers succeeds and stores none of them."""
    done = home("run", *ONLY)
    assert done.returncode == 0, done.stderr
    assert "doubt" not in home.last_run()
    assert [p.stem for p in (home.folder / "reports" / "ledger").iterdir()] == [
        "ext-works",
        "flask",
    ]


def test_self_test_failure_marks_run_doubtful(home: Home) -> None:
    """A wrong known answer gives exit code 3 and marks run, page and API as doubtful."""
    done = home("run", *ONLY, PYTHONPATH=damaged(home))
    assert done.returncode == 3, done.stderr
    assert "The self test failed, so this run is not reliable" in done.stderr
    assert "canary-raises had the outcome" in done.stderr
    assert "canary-raises" in home.last_run()["doubt"]
    page = (home.folder / "reports" / "index.html").read_text("utf-8")
    assert "Do not rely on this run" in page
    today = json.loads((home.folder / "reports" / "api/v1/today.json").read_text("utf-8"))
    assert "canary-raises" in today["doubt"]


def test_self_test_skipped_without_trials(home: Home) -> None:
    """A run that has no trials to run does not run the known answers."""
    assert home("run", *ONLY).returncode == 0
    done = home("run", *ONLY, PYTHONPATH=damaged(home))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_self_test_once_a_day_for_few_cells(home: Home) -> None:
    """A run of a few cells relies on a self test that passed within a day."""
    passed = home.caches / "watchdog" / "self-test.json"
    passed.unlink(missing_ok=True)
    assert home("run", *ONLY).returncode == 0
    first = passed.read_bytes()
    shutil.rmtree(home.folder / "reports")
    assert home("run", *ONLY).returncode == 0
    assert passed.read_bytes() == first
    old = json.loads(first) | {"at": "2020-01-01T00:00:00Z"}
    passed.write_text(json.dumps(old), "utf-8")
    shutil.rmtree(home.folder / "reports")
    assert home("run", *ONLY).returncode == 0
    assert json.loads(passed.read_bytes())["at"] > "2026"


@pytest.mark.skipif(os.name != "posix", reason="the limits are the same on every system")
@pytest.mark.parametrize("isolation", ["limits", "auto"])
def test_self_test_with_each_sandbox(home: Home, isolation: str) -> None:
    """The known answers are right with the weakest and with the automatic sandbox."""
    done = home("run", *ONLY, "--sandbox", isolation)
    assert done.returncode == 0, done.stderr
