"""Measures which share of a package's public interface its smoke runs: `nox -s api-coverage`.

Each package of the matrix is installed in today's versions on the newest Python, and its smoke is
run once under `sys.monitoring`. Writes api-coverage.json into the reports folder; the pages of the
packages show the figures. Packages that cannot be measured are left out: those whose smoke cannot
be loaded today, and those of which no function ran (extension modules, functions that are made at
run time).
"""

from __future__ import annotations

import ast
import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from watchdog.__main__ import run_command
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import Pythons, choose_python, options
from watchdog.environments.links import SITE
from watchdog.environments.record_file import recorded_files
from watchdog.harness import COVERAGE, smoke_file
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.scheduler import Scheduler, gather, run_with_scheduler
from watchdog.runner.trials import copy_smoke
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.sandbox.sandbox import Job, cell_environment
from watchdog.storage.api_coverage import ApiCoverage, Share, coverage_json
from watchdog.storage.files import write_atomic

_RESULT = "executed.json"
_NOT_PUBLIC = {"tests", "test", "testing", "docs", "examples", "migrations", "vendor"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@click.command()
@options(python=Pythons.ONE)
@click.argument("subjects", nargs=-1)
def main(settings: Settings, python: str | None, subjects: tuple[str, ...]) -> None:
    """Measure the packages of matrix.yaml, or only those that are named."""
    matrix = settings.matrix
    packages = [matrix.framework, *(s for s in matrix.extensions if matrix.is_package(s))]
    measuring = replace(settings, reports=settings.reports / "past" / "api-coverage")
    with open_workspace(measuring) as workspace, observe(stderr_console(), matrix) as observer:
        chosen = [name for name in packages if not subjects or name in subjects]
        workspace.start_services(chosen)
        chosen_python = choose_python(workspace, python)
        coverage = run_with_scheduler(workspace, observer, partial(measure, chosen, chosen_python))
    path = settings.reports / "api-coverage.json"
    write_atomic(path, coverage_json(coverage).encode())
    click.echo(f"{len(coverage.shares)} of {len(chosen)} packages measured: {path}")


async def measure(subjects: Iterable[str], python: str, scheduler: Scheduler) -> ApiCoverage:
    """Return the share of the public interface that each smoke runs."""
    subjects = list(subjects)
    scheduler.observer.stage("Measuring", len(subjects))
    shares = await gather(_share(scheduler, subject, python) for subject in subjects)
    measured = {s: share for s, share in zip(subjects, shares, strict=True) if share}
    return ApiCoverage(as_of=scheduler.workspace.settings.as_of, python=python, shares=measured)


async def _share(scheduler: Scheduler, subject: str, python: str) -> Share | None:
    workspace = scheduler.workspace
    as_of = workspace.settings.as_of
    requirements = workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, as_of))
    share = None
    if isinstance(lock, Lock):
        trial = workspace.trial(subject, lock, python, as_of)
        await scheduler.prefetch_packages(trial)
        run = partial(_run, scheduler, subject, lock, python)
        # Again where there is no result: on a busy machine a smoke may reach its time limit.
        share = await scheduler.in_worker(run) or await scheduler.in_worker(run)
    scheduler.observer.advance()
    return share


def _run(scheduler: Scheduler, subject: str, lock: Lock, python: str) -> Share | None:
    workspace = scheduler.workspace
    trial = workspace.trial(subject, lock, python, workspace.settings.as_of)
    limits = workspace.settings.matrix.limits
    folder = Path(tempfile.mkdtemp(prefix="coverage-", dir=workspace.scratch))
    try:
        executable = workspace.environments.link(trial.installation, folder / "env")
        smoke = copy_smoke(smoke_file(subject, workspace.settings.smokes), folder)
        program = workspace.scripts.put(COVERAGE, trial.interpreter, folder)
        arguments = [str(program), str(smoke), str(folder / _RESULT), *trial.distributions]
        result = workspace.sandbox.run(
            Job(
                argv=[str(executable), "-I", *arguments],
                env={
                    **cell_environment(folder, executable),
                    **workspace.services.environment(trial.services, 0),
                },
                folder=folder,
                visible=("env", smoke.relative_to(folder).parts[0], program.name),
                channel=_RESULT,
                stdin="",
                seconds=limits.seconds,
                memory_mb=limits.memory_mb,
                shared=workspace.services.folders(trial.services),
            )
        )
        packages = workspace.environments.packages(trial.installation)
        package = next(p for p in packages if p.name == subject)
        public = public_names(_sources(workspace.environments.site_packages(package)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        executed = [str(name) for name in json.loads(result.reported)]
    except ValueError:
        return None
    count = executed_count(executed, public)
    return Share(executed=count, public=len(public)) if count else None


def _sources(site: Path) -> dict[str, str]:
    """Return the text of each Python file that a package records as its own."""
    sources: dict[str, str] = {}
    prefix = f"{SITE}/"
    for record in site.glob("*.dist-info/RECORD"):
        for path in recorded_files(record):
            file = path.removeprefix(prefix)
            if path.startswith(prefix) and file.endswith(".py"):
                with contextlib.suppress(OSError):
                    sources[file] = (site / file).read_text("utf-8", "replace")
    return sources


def public_names(sources: Mapping[str, str]) -> dict[str, bool]:
    """Return the public functions and classes, as `file:name`; the value is true for a class.

    Modules and names that begin with an underscore are private. A class without a function of its
    own (an exception, a group of constants) has nothing to run and does not count.

    Args:
        sources: text of each file, by its path relative to site-packages.
    """
    names: dict[str, bool] = {}
    for file, text in sources.items():
        parts = [part for part in file.removesuffix(".py").split("/") if part != "__init__"]
        if any(part.startswith("_") or part in _NOT_PUBLIC for part in parts):
            continue
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for node in ast.parse(text).body:
                if _is_public(node):
                    assert isinstance(node, (ast.ClassDef, *_FUNCTIONS))  # noqa: S101
                    names[f"{file}:{node.name}"] = isinstance(node, ast.ClassDef)
    return names


def _is_public(node: ast.stmt) -> bool:
    if not isinstance(node, (ast.ClassDef, *_FUNCTIONS)) or node.name.startswith("_"):
        return False
    return not isinstance(node, ast.ClassDef) or any(isinstance(n, _FUNCTIONS) for n in node.body)


def executed_count(executed: Iterable[str], public: Mapping[str, bool]) -> int:
    """Return how many of the public functions and classes ran.

    A class ran if one of its functions did; its body runs on import, which does not count.
    """
    ran: set[str] = set()
    for entry in executed:
        file, _, qualified = entry.partition(":")
        first, method, _ = qualified.partition(".")
        name = f"{file}:{first}"
        if name in public and (method or not public[name]):
            ran.add(name)
    return len(ran)


if __name__ == "__main__":
    run_command(main)
