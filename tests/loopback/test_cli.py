from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ecosystem import NOW, PYTHON
from home import ROOT, Home


def test_check_json_output(home: Home) -> None:
    """With --format json, check prints one object with fixed keys, and exits with 1 if broken."""
    done = home("check", "ext-import", "--format", "json")
    answer = json.loads(done.stdout)
    assert list(answer) == [
        "as_of",
        "python",
        "requirements",
        "lock",
        "outcome",
        "stage",
        "symptom",
        "blocked_by_core",
        "reason",
        "not_installed",
        "built_by_pip",
        "subjects",
        "imports",
        "since",
        "culprit",
        "proof",
        "later",
        "changelog",
        "missing",
        "cure",
        "cure_searched",
        "stopped",
        "missing_names",
        "refuted_by_pip",
        "left_out",
        "optional",
    ]
    assert answer["as_of"] == NOW.isoformat()
    assert answer["requirements"] == ["ext-import"]
    assert answer["lock"]["werkzeug"] == "3.0.0"
    assert (answer["outcome"], answer["stage"]) == ("broken", "import")
    assert done.returncode == 1


def test_check_as_of_earlier_date(home: Home) -> None:
    """With --as-of an earlier date, check resolves the releases of that date."""
    answer = home.json("check", "ext-import", "--as-of", "2025-11-10")
    assert answer["outcome"] == "works"


def test_check_blocked_by_core(home: Home) -> None:
    """The answer has blocked_by_core set when Flask itself is broken in the same set."""
    answer = home.json("check", "ext-works", "flask==1.0.0")
    assert answer["outcome"] == "broken"
    assert answer["blocked_by_core"] is True


def test_check_flask_runs_core_smoke(home: Home) -> None:
    """Checking Flask alone runs the core smoke."""
    assert home.json("check", "flask==1.0.0")["outcome"] == "broken"
    assert home.json("check", "flask")["outcome"] == "works"


def test_check_unlisted_package(home: Home) -> None:
    """Checking a package outside the matrix runs the automatic smoke."""
    assert home.json("check", "ext-works-core")["outcome"] in ("works", "unjudged")
    assert home.json("check", "ext-no-smoke")["outcome"] == "works"


def test_check_conflict_output(home: Home) -> None:
    """The answer for a conflict has no lock, the stage resolve and the resolver's reason."""
    answer = home.json("check", "flask>=3", "werkzeug<2")
    assert (answer["outcome"], answer["stage"], answer["lock"]) == ("conflict", "resolve", None)
    assert "unsatisfiable" in answer["reason"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("check", "not a requirement!"), "is not a requirement"),
        (("check", "flask", "--python", "2.7"), "--python 2.7: not in matrix.yaml"),
        (("check", "flask", "--python", "auto"), "--python auto: not in matrix.yaml"),
        (("candidate", "--static", "celery==5.5.0"), "celery is not in `stack` of matrix.yaml"),
        (
            ("candidate", "--static", "--format", "markdown", "flask==3"),
            "--format is table or json",
        ),
        (("check", "flask", "--as-of", "tomorrow"), "'tomorrow' is not a date"),
        (("check", "flask", "--as-of", "2999-01-01"), "is in the future"),
        (("run", "--only", "nothing-like-this"), "no cell of the matrix matches"),
        (("run", "--only", "*", "--only", "ext-work"), "did you mean 'ext-works'?"),
        (("run", "--table", "grid", "--only", "ext-works/today/*"), "matches the selection"),
        (("history", "Ext_Works", "x"), "no subject Ext_Works; did you mean 'ext-works'?"),
        (("replay", "ext-work"), "ext-work is not on the package index; did you mean 'ext-works'?"),
        (("report", "--reports", "elsewhere"), "--reports elsewhere: there is no such folder"),
        (("run", "--table", "no-table"), "no-table"),
        (("show", "no/such/cell"), "no run has a cell"),
        (("run", "--matrix", "elsewhere.yaml"), "elsewhere.yaml: no such file"),
        (("run", "--matrix", "smokes"), "smokes: this is a folder; name a file"),
    ],
)
def test_invalid_usage_exits_2(home: Home, args: tuple[str, ...], message: str) -> None:
    """Invalid arguments give exit code 2 and a message, but no traceback and no output."""
    done = home(*args)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_run_of_nothing_stores_nothing(home: Home) -> None:
    """A run of which no cell is selected leaves no run in the journal, and no page."""
    assert home("run", "--only", "nothing-like-this").returncode == 2
    assert not (home.folder / "reports" / "runs.jsonl").exists()
    assert not (home.folder / "reports" / "index.html").exists()


def test_check_of_a_misspelt_name(home: Home) -> None:
    """A package that the index does not have is an error of usage, with the name that is alike."""
    done = home("check", "ext-work", "--quick")
    assert done.returncode == 2
    assert "ext-work is not on the package index; did you mean 'ext-works'?" in done.stderr
    assert home("check", "ext-works", "ext-work", "--quick").returncode == 0


def test_matrix_errors_are_listed_together(home: Home) -> None:
    """All errors of matrix.yaml are printed at once, each with its place."""
    text = (home.folder / "matrix.yaml").read_text("utf-8")
    text = text.replace("today: {}", "todya: {}").replace("seconds: 4", "seconds: -4")
    (home.folder / "matrix.yaml").write_text(text, encoding="utf-8")
    done = home("run")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith("matrix.yaml:") for line in done.stderr.splitlines())


def test_plan_explains_without_running(run_copy: Home, home: Home) -> None:
    """The plan command lists what would run or be reused, but runs and writes nothing."""
    fresh = home.json("plan", "--only", "ext-works", "--only", "ext-conflict")
    assert {c["cell"]: c["would"] for c in fresh["cells"]} == {
        f"ext-works/today/py{PYTHON}": "run",
        f"ext-conflict/today/py{PYTHON}": "not run",
    }
    assert not (home.folder / "reports").exists()
    known = run_copy.json("plan", "--only", "ext-works")
    assert known["cells"][0]["would"] == "reuse"


def test_show_prints_evidence(finished_run: Home) -> None:
    """The show command prints state, symptom, lock and a command that reproduces the cell."""
    done = finished_run("show", f"ext-import/today/py{PYTHON}")
    assert done.returncode == 0
    assert "✕" in done.stdout
    assert "cannot import name 'gone'" in done.stdout
    assert "werkzeug==3.0.0" in done.stdout
    assert f"smoke ext-import --python {PYTHON} --smokes smokes" in done.stdout
    data = finished_run.json("show", f"ext-import/today/py{PYTHON}")
    assert data["state"] == "broken"
    assert data["record"]["lock"]["flask"] == "3.0.0"


def test_cell_builds_environment(home: Home) -> None:
    """The cell command builds a working environment and prints its path."""
    into = home.folder / "kept"
    done = home("cell", f"ext-works/today/py{PYTHON}", "--into", str(into))
    assert done.stdout.strip() == str(into), done.stderr
    code = "import ext_works; print(ext_works.use())"
    python = next(
        p for p in (into / "bin" / "python", into / "Scripts" / "python.exe") if p.exists()
    )
    found = subprocess.run([python, "-c", code], text=True, capture_output=True, check=True)
    assert found.stdout.strip() == "42"


def test_report_is_reproducible(run_copy: Home) -> None:
    """The report command writes the same front page again, byte for byte."""
    page = run_copy.folder / "reports" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert run_copy("report").returncode == 0
    assert page.read_bytes() == before


def test_run_output_without_terminal(home: Home) -> None:
    """Without a terminal run prints lines without escape codes."""
    done = home("run", "--only", "ext-wrong")
    assert "\x1b" not in done.stderr
    assert "Running cells (1)" in done.stderr
    assert "✕ ext-wrong 1.0 on Python" in done.stderr
    assert "1 cell:" in done.stderr


def test_run_output_on_github_actions(home: Home) -> None:
    """On GitHub Actions a new breakage is annotated and listed in the job summary."""
    only = ("--only", "ext-import")
    home("run", *only, "--as-of", "2025-11-10")
    summary = home.folder / "summary.md"
    done = home("run", *only, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    assert "::error title=ext-import broke::ImportError: cannot import name 'gone'" in done.stderr
    assert "| new | ext-import | cannot be imported | 1 |" in summary.read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_run_log_on_github_actions(home: Home) -> None:
    """On GitHub Actions the log has lines in groups, also if a step has a terminal."""
    import pty  # noqa: PLC0415  not on Windows

    main, terminal = pty.openpty()
    log = b""
    with subprocess.Popen(
        home.argv("run", "--only", "ext-wrong"),
        cwd=home.folder,
        env=home.env | {"GITHUB_ACTIONS": "true", "FORCE_COLOR": "1"},
        stdout=terminal,
        stderr=terminal,
    ):
        os.close(terminal)
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while chunk := os.read(main, 65536):
                log += chunk
    os.close(main)
    lines = log.decode().splitlines()
    assert "\x1b" not in log.decode()
    opened = [n for n, line in enumerate(lines) if line.startswith("::group::")]
    closed = [n for n, line in enumerate(lines) if line == "::endgroup::"]
    assert "::group::Running cells" in lines
    assert len(opened) == len(closed)
    assert closed[-1] < next(n for n, line in enumerate(lines) if line.startswith("1 cell:"))


def test_main_detects_other_watchdog_package(tmp_path: Path) -> None:
    """The command exits with 2 when another package named watchdog shadows it."""
    package = tmp_path / "watchdog"
    package.mkdir()
    (package / "__init__.py").write_text("")
    own = ROOT / "watchdog" / "__main__.py"
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); "
        f"runpy.run_path({str(own)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "environment of its own" in done.stderr
