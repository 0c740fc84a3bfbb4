"""What people type: `nox -s matrix`, `nox -s tests`, `nox -s lint`, `nox -s cell -- ID`."""

from __future__ import annotations

import json
from pathlib import Path

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """The project, as it lies here, and the tools of its dependency groups."""
    tools = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install("-q", "-e", ".", *tools)


@nox.session
def matrix(session: nox.Session) -> None:
    """Run the matrix and write reports/index.html; arguments after -- go to `run`."""
    install(session)
    # 1 is an answer (something new is broken), not a failure of the session itself.
    session.run("flask-watchdog", "run", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write the pages again from what was run before."""
    install(session)
    session.run("flask-watchdog", "report", *session.posargs)


@nox.session
def history(session: nox.Session) -> None:
    """Replay the past of every subject since 2019, or carry it on; stop it when you like."""
    install(session)
    session.run("flask-watchdog", "history", *session.posargs)
    session.run("flask-watchdog", "cures")


@nox.session
def pins(session: nox.Session) -> None:
    """Does `pip install Flask==X` still work, for each Flask since 1.0, and what cures it."""
    install(session)
    session.run("flask-watchdog", "pins", *session.posargs)


@nox.session
def cell(session: nox.Session) -> None:
    """Build one cell in an environment that stays: nox -s cell -- flask-login/today/py3.13."""
    if not session.posargs:
        session.error(
            "name a cell, such as flask-login/today/py3.13; `flask-watchdog plan` lists them"
        )
    name, *options = session.posargs
    into = Path(".nox", "cells", name.replace("/", "-")).absolute()
    install(session)
    session.run("flask-watchdog", "cell", name, "--into", str(into), *options)


FAST = "not (slow or field or machine or workflows)"
LONG = "slow or field or machine or workflows"
"""What `nox -s tests` runs, and what it leaves out; the markers are explained in pyproject.toml."""


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest with one worker a processor; most tests wait for processes of their own."""
    install(session, "tests")
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *arguments)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the fast tests, or those that are named: nox -s tests -- tests/unit -k lock."""
    named = any(argument.startswith(("tests/", "@")) for argument in session.posargs)
    run_pytest(session, *(() if named else ("-m", FAST)), *session.posargs)


@nox.session(name="tests-long")
def tests_long(session: nox.Session) -> None:
    """Run what `tests` leaves out: real packages, faults, hostile packages, workflows."""
    run_pytest(session, "-m", LONG, *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run every test."""
    run_pytest(session, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Every fault under every means of the sandbox, as root and not; writes docs/faults.md."""
    install(session, "tests")
    session.run("python", "benchmarks/faults.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Thousands of cells with faults at random; arguments after -- go to benchmarks/soak.py."""
    install(session)
    session.run("python", "benchmarks/soak.py", "--loud", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What a cell costs here, beside nox and tox; arguments after -- go to benchmarks/bench.py."""
    install(session, "bench")
    session.run("python", "benchmarks/bench.py", *session.posargs)
    session.run("python", "benchmarks/picture.py")


@nox.session
def truth(session: nox.Session) -> None:
    """How much of what is known to have broken the watchdog finds, and what it makes up."""
    install(session)
    session.run("python", "benchmarks/truth.py", "--into", "reports/truth.json", *session.posargs)


@nox.session(name="forecast-score")
def forecast_score(session: nox.Session) -> None:
    """Score the forecast against the history; writes reports/forecast-score.json."""
    install(session)
    session.run("python", "benchmarks/forecast_score.py", *session.posargs)


@nox.session(name="api-coverage")
def api_coverage(session: nox.Session) -> None:
    """Measure which share of each package its smoke runs; writes reports/api-coverage.json."""
    install(session)
    session.run("python", "benchmarks/api_coverage.py", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of all that the project needs, in the versions taken today."""
    session.install("-q", "uv", *nox.project.dependency_groups(PROJECT, "audit"))
    folder = Path(session.create_tmp())
    pins, report = str(folder / "pins.txt"), folder / "audit.json"
    groups = [f"--group={name}" for name in ("tests", "lint")]
    session.run(
        "uv",
        "pip",
        "compile",
        "-q",
        "--no-header",
        "--no-annotate",
        "-o",
        pins,
        "pyproject.toml",
        *groups,
    )
    report.unlink(missing_ok=True)
    session.run(
        "pip-audit",
        "--no-deps",
        "--disable-pip",
        "-r",
        pins,
        "--format",
        "json",
        "-o",
        str(report),
        "--progress-spinner",
        "off",
        *session.posargs,
        silent=True,
        success_codes=[0, 1],
    )
    if not report.exists():
        session.error("3: the vulnerability service cannot be reached; nothing was looked at")
    told = json.loads(report.read_text("utf-8"))["dependencies"]
    # pip-audit says that all is well also where the service knows nothing of a package.
    unknown = [each["name"] for each in told if "skip_reason" in each]
    for each in told:
        for found in each.get("vulns", ()):
            session.warn(f"{each['name']} {each['version']}: {found['id']} {found['fix_versions']}")
    if any(each.get("vulns") for each in told):
        session.error("1: vulnerabilities are known of what the project needs")
    if unknown:
        session.error(f"3: the service could not tell of {len(unknown)} of {len(told)}: {unknown}")
    session.log(f"{len(told)} packages, no known vulnerability")


@nox.session(python=["3.11"])
def fuzz(session: nox.Session) -> None:
    """Inputs from outside by atheris, coverage-guided: --minutes N, and targets; all by default."""
    install(session, "fuzz")
    minutes, targets = 3.0, list(session.posargs)
    if "--minutes" in targets:
        at = targets.index("--minutes")
        minutes, targets = float(targets[at + 1]), targets[:at] + targets[at + 2 :]
    inputs = sorted(p.stem for p in Path("tests", "support", "fuzz").glob("*.py"))
    for name in targets or [i for i in inputs if i not in ("__init__", "atheris_driver")]:
        # What was found is kept from time to time; an input that fails is left beside it.
        corpus = Path(session.cache_dir, "fuzz", name)
        options = f"-max_total_time={int(minutes * 60)}", f"-artifact_prefix={corpus}-"
        session.run("python", "tests/support/fuzz/atheris_driver.py", name, str(corpus), *options)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, the direction of imports, the workflows."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")
    workflows = sorted(str(p) for p in Path(".github", "workflows").glob("*.yml"))
    actions = sorted(str(p) for p in Path(".github", "actions").glob("*/action.yml"))
    session.run("zizmor", "--offline", "--pedantic", *workflows, *actions)
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *actions)
    session.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    session.run("check-jsonschema", "--schemafile", "watchdog/matrix.schema.json", "matrix.yaml")
