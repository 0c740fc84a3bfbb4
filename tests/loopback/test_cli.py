from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ecosystem import NOW, PYTHON
from home import ROOT, Home


def test_check_prints_one_json_object_to_stdout_alone(home: Home) -> None:
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
        "subjects",
        "since",
        "culprit",
        "proof",
        "changelog",
        "missing",
        "cure",
    ]
    assert answer["as_of"] == NOW.isoformat()
    assert answer["requirements"] == ["ext-import"]
    assert answer["lock"]["werkzeug"] == "3.0.0"
    assert (answer["outcome"], answer["stage"]) == ("broken", "import")
    assert done.returncode == 1


def test_check_of_an_earlier_date_sees_that_world(home: Home) -> None:
    answer = home.json("check", "ext-import", "--as-of", "2025-11-10")
    assert answer["outcome"] == "works"


def test_check_under_a_broken_core_says_so(home: Home) -> None:
    answer = home.json("check", "ext-works", "flask==1.0.0")
    assert answer["outcome"] == "broken"
    assert answer["blocked_by_core"] is True


def test_check_of_flask_alone_runs_the_core_smoke(home: Home) -> None:
    assert home.json("check", "flask==1.0.0")["outcome"] == "broken"
    assert home.json("check", "flask")["outcome"] == "works"


def test_check_of_a_package_outside_the_matrix_uses_the_automatic_smoke(home: Home) -> None:
    assert home.json("check", "ext-works-core")["outcome"] in ("works", "unjudged")
    assert home.json("check", "ext-no-smoke")["outcome"] == "works"


def test_check_of_a_conflict_has_no_lock_and_the_resolvers_reason(home: Home) -> None:
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
        (("run", "--table", "no-table"), "no-table"),
        (("show", "no/such/cell"), "no run has a cell"),
        (("run", "--matrix", "elsewhere.yaml"), "elsewhere.yaml: no such file"),
    ],
)
def test_wrong_use_gives_2_and_a_sentence(home: Home, args: tuple[str, ...], message: str) -> None:
    done = home(*args)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_every_mistake_in_the_matrix_is_told_at_once(home: Home) -> None:
    text = (home.folder / "matrix.yaml").read_text("utf-8")
    text = text.replace("today: {}", "todya: {}").replace("seconds: 4", "seconds: -4")
    (home.folder / "matrix.yaml").write_text(text, encoding="utf-8")
    done = home("run")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith("matrix.yaml:") for line in done.stderr.splitlines())


def test_plan_says_what_would_run_and_why_and_runs_nothing(run_copy: Home, home: Home) -> None:
    fresh = home.json("plan", "--only", "ext-works", "--only", "ext-conflict")
    assert {c["cell"]: c["would"] for c in fresh["cells"]} == {
        f"ext-works/today/py{PYTHON}": "run",
        f"ext-conflict/today/py{PYTHON}": "not run",
    }
    assert not (home.folder / "reports").exists()
    known = run_copy.json("plan", "--only", "ext-works")
    assert known["cells"][0]["would"] == "reuse"


def test_show_tells_evidence_lock_and_how_to_reproduce(finished_run: Home) -> None:
    done = finished_run("show", f"ext-import/today/py{PYTHON}")
    assert done.returncode == 0
    assert "✕" in done.stdout
    assert "cannot import name 'gone'" in done.stdout
    assert "werkzeug==3.0.0" in done.stdout
    assert "uv venv --python" in done.stdout
    data = finished_run.json("show", f"ext-import/today/py{PYTHON}")
    assert data["state"] == "broken"
    assert data["record"]["lock"]["flask"] == "3.0.0"


def test_cell_builds_an_environment_that_stays(home: Home) -> None:
    into = home.folder / "kept"
    done = home("cell", f"ext-works/today/py{PYTHON}", "--into", str(into))
    assert done.stdout.strip() == str(into), done.stderr
    code = "import ext_works; print(ext_works.use())"
    python = next(
        p for p in (into / "bin" / "python", into / "Scripts" / "python.exe") if p.exists()
    )
    found = subprocess.run([python, "-c", code], text=True, capture_output=True, check=True)
    assert found.stdout.strip() == "42"


def test_report_writes_the_same_page_again(run_copy: Home) -> None:
    page = run_copy.folder / "reports" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert run_copy("report").returncode == 0
    assert page.read_bytes() == before


def test_without_a_terminal_it_prints_plain_lines(home: Home) -> None:
    done = home("run", "--only", "ext-wrong")
    assert "\x1b" not in done.stderr
    assert "Running cells (1)" in done.stderr
    assert "✕ ext-wrong 1.0 on Python" in done.stderr
    assert "1 cells:" in done.stderr


def test_on_github_actions_news_is_annotated_and_the_job_summarised(home: Home) -> None:
    only = ("--only", "ext-import")
    home("run", *only, "--as-of", "2025-11-10")
    summary = home.folder / "summary.md"
    done = home("run", *only, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    assert "::error title=ext-import broke::ImportError: cannot import name 'gone'" in done.stderr
    assert "| new | ext-import | 1 |" in summary.read_text("utf-8")


def test_the_other_package_named_watchdog_is_noticed(tmp_path: Path) -> None:
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
