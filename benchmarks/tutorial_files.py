"""Tries every form that a tutorial's requirements file had: `nox -s tutorial-files`.

    nox -s tutorial-files -- scenario-mega-tutorial CLONE

CLONE is a clone of the tutorial's repository. A form is what the file held at the end of a day on
which it changed, on any branch, since authors rewrite the commits of a tutorial when they bring it
up to date. Each form that held for 60 days is checked like `flask-watchdog check -r`, and a line is
added to tutorial-files.jsonl in the reports folder. It may be interrupted, and goes on where it
was.
"""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import click

from watchdog.__main__ import run_command
from watchdog.analysis.check.check import check
from watchdog.analysis.check.result import CheckRequest, CheckResult
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import Pythons, options
from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Outcome, Stage
from watchdog.project.project import Project
from watchdog.project.reader import read_project
from watchdog.runner.scheduler import run_with_scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.tutorial_files import (
    SHORTEST_DAYS,
    TutorialFile,
    add_tutorial_file,
    read_tutorial_files,
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a requirements file held for some time.

    Attributes:
        since, until: the days; None for one that was not replaced.
        revision: an abbreviated commit that has it.
    """

    since: date
    until: date | None
    revision: str
    content: str

    def counts(self, first: date) -> bool:
        """Return whether it held long enough, and still held on some day."""
        if self.until is None:
            return True
        return self.until > first and (self.until - self.since).days >= SHORTEST_DAYS


@click.command()
@options(python=Pythons.MANY)
@click.option("--file", "path", default="requirements.txt", help="Path in the repository.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2018-01-01",
    show_default=True,
    help="Leave out forms that were replaced before this day.",
)
@click.option(
    "--within",
    type=click.FloatRange(0),
    default=180,
    show_default=True,
    metavar="SECONDS",
    help="Look for the cause and the cure of a form for so long; 0 only runs it.",
)
@click.argument("subject")
@click.argument("clone", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(
    settings: Settings,
    pythons: tuple[str, ...],
    path: str,
    since: datetime,
    within: float,
    subject: str,
    clone: Path,
) -> None:
    """Try every form of the requirements file of the tutorial of SUBJECT, from a git CLONE.

    On the Pythons that are named, or on the oldest and the newest of this machine.
    """
    if subject not in settings.matrix.extensions:
        raise ConfigurationError((f"{subject!r} is not listed in matrix.yaml",))
    forms = [form for form in _forms(clone, path) if form.counts(since.date())]
    done = read_tutorial_files(settings.reports)
    # The newest first: most followers have one of these.
    for form, python in itertools.product(reversed(forms), pythons or _pythons(settings)):
        if (subject, form.since, python) in done:
            continue
        project = _read(form)
        answer = _check(settings, project, python, within)
        if answer.outcome is Outcome.ERROR:
            raise InfrastructureError(answer.reason or "the infrastructure failed; try again")
        result = _result(subject, form, project, answer, settings.as_of)
        add_tutorial_file(settings.reports, result)
        fails = result.symptom or result.reason
        click.echo(f"{form.since} on Python {python}: {result.outcome} {fails}".strip())


def _pythons(settings: Settings) -> tuple[str, str]:
    """Return the oldest and the newest Python of this machine."""
    with open_workspace(settings) as workspace:
        return workspace.usual_pythons[0], workspace.usual_pythons[-1]


def _check(settings: Settings, project: Project, python: str, seconds: float) -> CheckResult:
    """Check the requirements of a project; look for cause and cure for so long, or not at all."""
    request = CheckRequest(
        requirements=project.requirements,
        python=python,
        constraints=project.limits,
        is_project=True,
    )
    with (
        open_workspace(settings) as workspace,
        observe(stderr_console(), settings.matrix, breakages=False) as observer,
    ):
        work = partial(check, request=request, seconds=seconds)
        return run_with_scheduler(workspace, observer, work)


def _forms(clone: Path, path: str) -> Iterator[Form]:
    """Yield the forms of a file, the oldest first.

    Raises:
        ConfigurationError: it is no clone, or never had the file.
    """
    log = _git(clone, "log", "--all", "--format=%cI %h", "--", path).splitlines()
    commits = sorted(_commit(line) for line in log)
    last_of_day = {moment.date(): revision for moment, revision in commits}
    found: list[tuple[date, str, str]] = []
    for day, revision in last_of_day.items():
        content = _git(clone, "show", f"{revision}:{path}")
        if not found or content.split() != found[-1][2].split():
            found.append((day, revision, content))
    if not found:
        raise ConfigurationError((f"{clone}: its history has no {path}",))
    ends = [day for day, _, _ in found[1:]]
    for (day, revision, content), end in zip(found, [*ends, None], strict=True):
        yield Form(since=day, until=end, revision=revision, content=content)


def _commit(line: str) -> tuple[datetime, str]:
    moment, _, revision = line.partition(" ")
    return datetime.fromisoformat(moment).astimezone(UTC), revision


def _git(clone: Path, *arguments: str) -> str:
    """Return what git says about a clone.

    Raises:
        ConfigurationError: it is no clone.
    """
    argv = ("git", "-C", str(clone), *arguments)
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ConfigurationError((f"{clone}: {done.stderr.strip()}",))
    return done.stdout


def _read(form: Form) -> Project:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text(form.content, "utf-8")
        return read_project(file)


def _result(
    subject: str, form: Form, project: Project, answer: CheckResult, as_of: datetime
) -> TutorialFile:
    """Return what is stored of an answer."""
    cure = answer.cure
    return TutorialFile(
        subject=subject,
        since=form.since,
        until=form.until,
        revision=form.revision,
        python=answer.python,
        as_of=as_of,
        packages=len(project.requirements),
        outcome=answer.outcome,
        symptom=_symptom(answer),
        reason=answer.reason or "",
        broken_since=answer.since,
        culprit=answer.culprit,
        pins=cure.pins if cure else (),
        cure_python=cure.python if cure else None,
        partial=bool(cure and cure.partial),
        cure_how=cure.how if cure else "",
        cure_searched=answer.cure_searched,
        records=tuple(record.fingerprint for record in answer.records),
    )


def _symptom(answer: CheckResult) -> str:
    """Return the failure that an answer begins with; empty where something does not build.

    What a build says differs from machine to machine; the reason names the package.
    """
    if answer.first is not None:
        return answer.first.use.symptom
    return "" if answer.stage is Stage.INSTALL else answer.symptom or ""


if __name__ == "__main__":
    run_command(main)
