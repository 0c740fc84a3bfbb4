"""What people type: `nox -s matrix`, `nox -s tests`, `nox -s lint`, `nox -s cell -- ID`."""

from __future__ import annotations

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


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite; arguments after -- go to pytest."""
    install(session, "tests")
    # Tests mostly wait for processes of their own: one worker a processor, work handed on.
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)


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
    """What the forecast would have said before each breakage of the history, and how rightly."""
    install(session)
    session.run("flask-watchdog", "forecast-score", *session.posargs)


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
