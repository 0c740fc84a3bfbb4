"""Sessions of the project: `nox -s matrix`, `nox -s tests`, `nox -s lint`, `nox -l` for all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project in editable mode, and its dependency groups."""
    tools = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install("-q", "-e", ".", *tools)


@nox.session
def matrix(session: nox.Session) -> None:
    """Run the matrix and write reports/index.html; arguments after -- go to `run`."""
    install(session)
    # Exit code 1 means that something new is broken; the session then fails too.
    session.run("flask-watchdog", "run", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write the pages again from the stored results."""
    install(session)
    session.run("flask-watchdog", "report", *session.posargs)


@nox.session
def history(session: nox.Session) -> None:
    """Replay the history of every subject since 2019, or continue it; it may be interrupted."""
    install(session)
    session.run("flask-watchdog", "history", *session.posargs)
    session.run("flask-watchdog", "cures")


@nox.session
def pins(session: nox.Session) -> None:
    """Check whether `pip install Flask==X` still works for each Flask since 1.0; find cures."""
    install(session)
    session.run("flask-watchdog", "pins", *session.posargs)


@nox.session
def cell(session: nox.Session) -> None:
    """Build one cell in a permanent environment: nox -s cell -- flask-login/today/py3.13."""
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
"""The tests that `nox -s tests` runs and leaves out; the markers are in pyproject.toml."""


def run_pytest(session: nox.Session, *arguments: str, more_workers: int = 1) -> None:
    """Run pytest with more workers than processors: many tests wait for other processes."""
    install(session, "tests")
    workers = str((os.cpu_count() or 1) + more_workers)
    session.run("pytest", "-n", workers, "--dist", "worksteal", *arguments)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the fast tests, or those that are named: nox -s tests -- tests/unit -k lock."""
    named = any(argument.startswith(("tests/", "@")) for argument in session.posargs)
    run_pytest(session, *(() if named else ("-m", FAST)), *session.posargs)


@nox.session(name="tests-long")
def tests_long(session: nox.Session) -> None:
    """Run what `tests` leaves out: real packages, faults, hostile packages, workflows."""
    run_pytest(session, "-m", LONG, *session.posargs, more_workers=2)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run every test."""
    run_pytest(session, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Inject every fault in every isolation, as root and not, and write docs/faults.md."""
    install(session, "tests")
    session.run("python", "benchmarks/faults.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run thousands of cells with random faults and write docs/soak.json."""
    install(session)
    session.run("python", "benchmarks/soak.py", "--loud", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the cost of a cell, compared with nox and tox, and write docs/bench.json."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks.bench", *session.posargs)
    session.run("python", "benchmarks/picture.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages of docs/reference/ and build all pages into reports/docs/."""
    install(session, "docs")
    session.run("python", "docs/_ext/reference.py")
    # Sphinx adds to an index of words that is there: the pages of an earlier build would remain.
    into = Path("reports", "docs")
    shutil.rmtree(into, ignore_errors=True)
    session.run(
        *("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"),
        *("-d", session.create_tmp(), "docs", str(into), *session.posargs),
    )


@nox.session
def truth(session: nox.Session) -> None:
    """Score the watchdog against known breakages and write reports/truth.json."""
    install(session)
    session.run("python", "benchmarks/truth.py", "--into", "reports/truth.json", *session.posargs)


@nox.session(name="forecast-score")
def forecast_score(session: nox.Session) -> None:
    """Score the forecast against the history and write reports/forecast-score.json."""
    install(session)
    session.run("python", "benchmarks/forecast_score.py", *session.posargs)


@nox.session
def preloaded(session: nox.Session) -> None:
    """Compare cells that a preloaded Python starts with fresh ones: -- --table today."""
    install(session)
    session.run("python", "benchmarks/preloaded.py", *session.posargs)


@nox.session(name="smoke-recall")
def smoke_recall(session: nox.Session) -> None:
    """Measure what the smokes miss of releases that break packages: -- werkzeug==3.0.0."""
    install(session)
    session.run("python", "benchmarks/smoke_recall.py", *session.posargs)


@nox.session(name="tutorial-files")
def tutorial_files(session: nox.Session) -> None:
    """Try each form of a tutorial's requirements file: -- scenario-mega-tutorial CLONE."""
    install(session)
    session.run("python", "benchmarks/tutorial_files.py", *session.posargs)


@nox.session(name="api-coverage")
def api_coverage(session: nox.Session) -> None:
    """Measure which share of each package its smoke runs and write reports/api-coverage.json."""
    install(session)
    session.run("python", "benchmarks/api_coverage.py", *session.posargs)


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist and the wheel into dist/, check them, and install each as a user would."""
    session.install("-q", "uv", *nox.project.dependency_groups(PROJECT, "release"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("uv", "build", "--quiet", "--out-dir", "dist")
    files = sorted(str(path) for path in Path("dist").glob("flask_watchdog-*"))
    session.run("check-wheel-contents", "dist")
    session.run("twine", "check", "--strict", *files)
    for file in files:
        environment = Path(session.create_tmp()).absolute() / (
            "sdist" if file.endswith(".gz") else "wheel"
        )
        session.run("uv", "venv", "--quiet", "--clear", str(environment))
        session.run("uv", "pip", "install", "--quiet", "--python", str(environment), file)
        programs = environment / ("Scripts" if os.name == "nt" else "bin")
        # In a folder without a matrix.yaml: the built-in one and the smokes are in the package.
        with session.chdir(session.create_tmp()):
            session.run(str(programs / "flask-watchdog"), "--version", external=True)
            session.run(str(programs / "flask-watchdog"), "pythons", external=True)


@nox.session
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of all dependencies, in the versions installed today."""
    session.install("-q", "uv", *nox.project.dependency_groups(PROJECT, "audit"))
    folder = Path(session.create_tmp())
    pins, report = str(folder / "pins.txt"), folder / "audit.json"
    groups = [f"--group={name}" for name in ("tests", "lint", "docs")]
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
        session.error("3: the vulnerability service cannot be reached; nothing was checked")
    packages = json.loads(report.read_text("utf-8"))["dependencies"]
    # pip-audit also succeeds if the service knows nothing about a package.
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    for package in packages:
        for vulnerability in package.get("vulns", ()):
            session.warn(
                f"{package['name']} {package['version']}: "
                f"{vulnerability['id']} {vulnerability['fix_versions']}"
            )
    if any(package.get("vulns") for package in packages):
        session.error("1: dependencies have known vulnerabilities")
    if unknown:
        session.error(f"3: {len(unknown)} of {len(packages)} packages were not checked: {unknown}")
    session.log(f"{len(packages)} packages, no known vulnerability")


@nox.session(python=["3.11"])
def fuzz(session: nox.Session) -> None:
    """Fuzz the parsers of external inputs with atheris: --minutes N, and targets (default: all)."""
    install(session, "fuzz")
    minutes, targets = 3.0, list(session.posargs)
    if "--minutes" in targets:
        at = targets.index("--minutes")
        minutes, targets = float(targets[at + 1]), targets[:at] + targets[at + 2 :]
    inputs = sorted(p.stem for p in Path("tests", "support", "fuzz").glob("*.py"))
    for name in targets or [i for i in inputs if i not in ("__init__", "atheris_driver")]:
        # The corpus is kept between sessions; an input that fails is written beside it.
        corpus = Path(session.cache_dir, "fuzz", name)
        options = f"-max_total_time={int(minutes * 60)}", f"-artifact_prefix={corpus}-"
        session.run("python", "tests/support/fuzz/atheris_driver.py", name, str(corpus), *options)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, the direction of imports and the workflows."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")
    workflows = sorted(str(p) for p in Path(".github", "workflows").glob("*.yml"))
    actions = sorted(str(p) for p in Path(".github", "actions").glob("*/action.yml"))
    dependabot = str(Path(".github", "dependabot.yml"))
    session.run("zizmor", "--offline", "--pedantic", *workflows, *actions, dependabot)
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *actions)
    session.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", dependabot)
    session.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    session.run("check-jsonschema", "--schemafile", "watchdog/matrix.schema.json", "matrix.yaml")
