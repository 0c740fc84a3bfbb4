"""The command line: `flask-watchdog run | report | plan | show | check | cell`."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import TypeAdapter

from watchdog import check as checking
from watchdog import compare, desk, past, pipeline, rot, store
from watchdog import history as historian
from watchdog import matrix as matrix_file
from watchdog import replay as replaying
from watchdog.archive import Archive
from watchdog.console import github_annotations, observe, say, stderr, summary
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.interpreters import how_to_get
from watchdog.ledger import Ledger
from watchdog.model import Conflict, Entry, Outcome, Record, Run, State, Table
from watchdog.report import site, views
from watchdog.runner import SMOKES
from watchdog.workplace import Settings, Workplace, open_workplace, package_folder

Command = Callable[..., Any]


class Instant(click.ParamType[datetime]):
    """A date (its first moment), or an ISO 8601 instant; UTC unless it says otherwise."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:  # noqa: ANN401  click's types
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write 2023-10-05 or 2023-10-05T12:00Z", param, ctx)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        if instant > datetime.now(UTC):
            self.fail(f"{value!r} lies in the future; nothing is known of it", param, ctx)
        return instant


class Shard(click.ParamType[tuple[int, int]]):
    """`2/8`: the second of eight parts."""

    name = "K/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:  # noqa: ANN401  click's types
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
            self.fail(f"{value!r} is not a part; write 2/8 for the second of eight", param, ctx)
        return int(number), int(count)


def _options(*, selection: bool = True) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        options = [
            click.option("--as-of", type=Instant(), help="Read the index as it was then (UTC)."),
            click.option("--python", "pythons", multiple=True, help="Only this Python, X.Y."),
            click.option("--jobs", type=click.IntRange(1, 256), default=os.cpu_count() or 2,
                         show_default="processors", help="How many cells run at once."),
            click.option("--offline", is_flag=True, help="Use only what is in the caches."),
            click.option("--matrix", "matrix_path", type=click.Path(path_type=Path),
                         default=Path("matrix.yaml"), show_default=True),
            click.option("--reports", type=click.Path(path_type=Path, file_okay=False),
                         default=Path("reports"), show_default=True,
                         help="Folder of pages, ledger and journal."),
            click.option("--smokes", type=click.Path(path_type=Path, file_okay=False, exists=True),
                         default=SMOKES, help="Folder of the smokes, instead of the built-in one."),
        ]  # fmt: skip
        if selection:
            options += [
                click.option("--only", multiple=True, metavar="GLOB", help="Cells whose id fits."),
                click.option("--table", "tables", multiple=True,
                             type=click.Choice([t.value for t in Table][:4]), help="Only it."),
            ]  # fmt: skip
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_format = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)


def _settings(
    matrix_path: Path,
    as_of: datetime | None,
    reports: Path,
    jobs: int,
    smokes: Path,
    *,
    offline: bool,
) -> Settings:
    matrix = matrix_file.load(matrix_path)
    now = datetime.now(UTC).replace(microsecond=0)
    return Settings(matrix, as_of or now, reports, jobs, offline=offline, smokes=smokes)


def _selection(
    settings: Settings, pythons: Sequence[str], only: Sequence[str] = (), tables: Sequence[str] = ()
) -> pipeline.Selection:
    for python in pythons:
        if python not in settings.matrix.python:
            known = ", ".join(settings.matrix.python)
            message = f"--python {python}: not in matrix.yaml; it has {known}"
            raise ConfigurationError((message,))
    return pipeline.Selection(tuple(only), tuple(Table(t) for t in tables), tuple(pythons))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flask-watchdog")
def cli() -> None:
    """What breaks between Flask, Werkzeug and the popular extensions, found by running it.

    Exit codes: 0 nothing new, 1 new breakage, 2 usage or configuration, 3 infrastructure (the
    index, the disk, a tool), 130 interrupted.
    """


@cli.command()
@_options()
def run(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, only: tuple[str, ...], tables: tuple[str, ...],
) -> int:  # fmt: skip
    """Run the matrix and write the report."""
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    selection = _selection(settings, pythons, only, tables)
    console = stderr()
    with open_workplace(settings) as workplace:
        with observe(console) as observer:
            result = pipeline.run(workplace, selection, observer)
            observer.stage("Writing the report")
            page = site.write(workplace.settings.matrix, workplace.ledger, reports)
        summary(console, result, compare.count(result.verdicts), page)
        github_annotations(result)
    if not result.verdicts:
        raise ConfigurationError(("no cell of the matrix matches the selection",))
    if any(breakage.new for breakage in result.breakages):
        return ExitCode.NEW_BREAKAGE
    return ExitCode.NOTHING_NEW


@cli.command()
@click.option(
    "--matrix", "matrix_path", type=click.Path(path_type=Path), default=Path("matrix.yaml")
)
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports")
)
def report(matrix_path: Path, reports: Path) -> None:
    """Write the pages again from ledger and journal, without running or asking anything."""
    page = site.write(matrix_file.load(matrix_path), Ledger(reports), reports)
    say(stderr(), f"Report: {page}")


@cli.command()
@_options()
@_format
def plan(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, only: tuple[str, ...], tables: tuple[str, ...], format_: str,
) -> None:  # fmt: skip
    """What would run and why, without running it."""
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    selection = _selection(settings, pythons, only, tables)
    console = stderr()
    with open_workplace(settings) as workplace, observe(console) as observer:
        choice, planned = pipeline.prepare(workplace, selection, observer)
        rows = [_plan_row(workplace, each) for each in planned]
    rows += [{"cell": c.id, "would": "left out", "why": why} for c, why in choice.left_out]
    if format_ == "json":
        click.echo(json.dumps({"as_of": settings.as_of.isoformat(), "cells": rows}, indent=1))
        return
    for row in rows:
        click.echo(f"{row['would']:<12} {row['cell']}  {row['why']}")


def _plan_row(workplace: Workplace, planned: pipeline.Planned) -> dict[str, Any]:
    trial, core, answer = planned.trial, planned.core, planned.resolution
    row: dict[str, Any] = {"cell": planned.cell.id}
    if answer is None:
        return row | {"would": "not judge", "why": how_to_get(planned.cell.python)}
    if trial is None:
        reason = str(getattr(answer, "reason", getattr(answer, "symptom", "")))
        return row | {"would": "not run", "why": reason}
    row |= {"lock": dict(trial.lock.pins), "fingerprint": trial.fingerprint}
    if (known := workplace.ledger.get(trial.fingerprint)) is not None:
        if known.reach:
            row["reach"] = {"executed": known.reach[0], "public": known.reach[1]}
        return row | {"would": "reuse", "why": f"known: {known.judgement.outcome}"}
    control = workplace.ledger.get(core.fingerprint) if core else None
    if compare.core_breaks(control):
        return row | {"would": "not run", "why": "its core control is broken"}
    return row | {"would": "run", "why": "no record of this lock, Python and smoke"}


@cli.command()
@_options(selection=False)
@_format
@click.argument("requirements", nargs=-1, required=True)
def check(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, format_: str, requirements: tuple[str, ...],
) -> int:  # fmt: skip
    """Do these requirements work together? For any extension, in the matrix or not."""
    problems = [p for p in map(_requirement_problem, requirements) if p]
    if problems:
        raise ConfigurationError(tuple(problems))
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    _selection(settings, pythons)
    if len(pythons) > 1:
        raise ConfigurationError(("check answers for one --python at a time",))
    console = stderr()
    with open_workplace(settings) as workplace, observe(console) as observer:
        python = pythons[0] if pythons else next(reversed(list(workplace.interpreters)))
        if python not in workplace.interpreters:
            raise ConfigurationError((how_to_get(python),))
        checked = desk.at(workplace, observer, lambda d: checking.check(d, requirements, python))
    if format_ == "json":
        click.echo(json.dumps(_checked_json(checked, settings.as_of)))
    else:
        _checked_text(checked, settings.as_of)
    if checked.outcome is Outcome.ERROR:
        raise InfrastructureError(checked.reason or "it could not be judged")
    return ExitCode.NEW_BREAKAGE if checked.outcome is Outcome.BROKEN else ExitCode.NOTHING_NEW


def _requirement_problem(text: str) -> str | None:
    try:
        Requirement(text)
    except InvalidRequirement as e:
        return f"{text!r} is not a requirement: {str(e).splitlines()[0]}"
    return None


def _checked_json(checked: checking.Checked, as_of: datetime) -> dict[str, Any]:
    culprit, cure = checked.culprit, checked.cure
    return {
        "as_of": as_of.isoformat(),
        "python": checked.python,
        "requirements": list(checked.requirements),
        "lock": dict(checked.lock.pins) if checked.lock else None,
        "outcome": checked.outcome,
        "stage": checked.stage,
        "symptom": checked.symptom,
        "blocked_by_core": checked.blocked_by_core,
        "reason": checked.reason,
        "since": past.instant(checked.since),
        "culprit": culprit
        and {
            "name": culprit.name,
            "version": culprit.version,
            "last_good": culprit.last_good,
            "released": past.instant(checked.since),
        },
        "proof": checked.proof,
        "missing": checked.missing,
        "cure": cure and {"pins": list(cure.pins), "verified": True, "how": cure.how},
    }


def _checked_text(checked: checking.Checked, as_of: datetime) -> None:
    symbol, word = views.SYMBOLS[State(checked.outcome.value)]
    what = " ".join(checked.requirements)
    click.echo(
        f"{symbol} {what}: {word} on Python {checked.python} as of {as_of:%Y-%m-%d %H:%M} UTC"
    )
    if checked.symptom:
        click.echo(f"  {checked.stage}: {checked.symptom}")
    if checked.reason:
        click.echo(f"  {checked.reason}")
    if checked.culprit and checked.since:
        by = checked.culprit
        click.echo(
            f"  since {checked.since:%Y-%m-%d %H:%M} UTC, through {by.name} {by.version} "
            f"(it worked with {by.last_good}; proof: {checked.proof})"
        )
    if checked.cure:
        click.echo("  it works with: pip install " + shlex.join(_typed(checked)))
    elif checked.outcome is Outcome.BROKEN:
        click.echo("  no pins were found that make it work")
    if checked.lock:
        click.echo("  " + " ".join(checked.lock.requirements))


def _typed(checked: checking.Checked) -> list[str]:
    """The requirements as they should have been typed: pins beside them, or in place of one."""
    pins = checked.cure.pins if checked.cure else ()
    pinned = {canonicalize_name(Requirement(pin).name) for pin in pins}
    kept = [r for r in checked.requirements if canonicalize_name(Requirement(r).name) not in pinned]
    replaced = [r for r in checked.requirements if r not in kept]
    bounds = [p for p in pins if not replaced or p not in replaced]
    return [*kept, *bounds]


@cli.command()
@click.argument("cell_id", metavar="CELL")
@click.option(
    "--matrix", "matrix_path", type=click.Path(path_type=Path), default=Path("matrix.yaml")
)
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports")
)
@_format
def show(cell_id: str, matrix_path: Path, reports: Path, format_: str) -> None:
    """Evidence, log, lock of a cell, and a shell line that reproduces it."""
    matrix_file.load(matrix_path)
    ledger = Ledger(reports)
    run_, entry = _find(ledger, cell_id)
    state, reason = entry.state, entry.reason
    # A cell under a broken core was not run itself: its control is the evidence.
    shown = entry.record or entry.control
    record = ledger.get(shown) if shown else None
    line = views.reproduce(record) if record else None
    if format_ == "json":
        data = {"cell": cell_id, "as_of": run_.as_of.isoformat(), "state": state, "reason": reason,
                "record": TypeAdapter(Record).dump_python(record, mode="json") if record else None,
                "reproduce": line}  # fmt: skip
        click.echo(json.dumps(data, indent=1))
        return
    symbol, word = views.SYMBOLS[state]
    click.echo(f"{symbol} {cell_id}: {word} as of {run_.as_of:%Y-%m-%d %H:%M} UTC")
    if reason:
        click.echo(f"  {reason}")
    if record is None:
        return
    judgement = record.judgement
    if judgement.symptom:
        click.echo(f"  {judgement.stage}: {judgement.symptom}")
    click.echo(
        f"  Python {record.python}: " + " ".join(f"{n}=={v}" for n, v in record.lock.items())
    )
    for evidence in record.evidence:
        for test in evidence.tests:
            click.echo(f"  {test.outcome:<8} {test.title or test.name}")
        if evidence.log.strip():
            click.echo("\n" + evidence.log.rstrip() + "\n")
    click.echo(f"Reproduce with:\n  {line}")


def _find(ledger: Ledger, cell_id: str) -> tuple[Run, Entry]:
    for run_ in reversed(ledger.runs()):
        if cell_id in run_.cells:
            return run_, run_.cells[cell_id]
    raise ConfigurationError(
        (f"no run has a cell {cell_id!r}; `flask-watchdog plan` lists their ids",)
    )


@cli.command()
@_options(selection=False)
@_format
@click.option("--since", type=Instant(), default="2019-01-01", show_default=True)
@click.option("--until", type=Instant(), help="Default: now.")
@click.argument("requirements", nargs=-1, required=True, metavar="SUBJECT|REQUIREMENT…")
def replay(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, format_: str, since: datetime, until: datetime | None,
    requirements: tuple[str, ...],
) -> None:  # fmt: skip
    """The past of a subject: what broke it, when, by which release, and what ended it.

    --python auto (the default) takes for each moment the newest Python that was released then.
    """
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    python = pythons[0] if pythons else replaying.AUTO
    problems = [p for p in map(_requirement_problem, requirements) if p]
    if len(pythons) > 1:
        problems.append("replay answers for one --python at a time, or for auto")
    elif python != replaying.AUTO and python not in settings.matrix.python:
        problems.append(f"--python {python}: not in matrix.yaml")
    if until and until <= since:
        problems.append("--until lies before --since")
    if problems:
        raise ConfigurationError(tuple(problems))
    subject = canonicalize_name(Requirement(requirements[0]).name)
    if len(requirements) == 1 and requirements[0] in settings.matrix.extensions:
        requirements = settings.matrix.requirements(subject)
    console = stderr()
    with open_workplace(settings) as workplace, observe(console) as observer:
        if python != replaying.AUTO and python not in workplace.interpreters:
            raise ConfigurationError((how_to_get(python),))
        workplace.start_services([subject])
        history = desk.at(
            workplace,
            observer,
            lambda d: replaying.replay(
                d, subject, requirements, since=since, until=until or settings.as_of, python=python
            ),
        )
    told = past.history_json(history)
    if format_ == "json":
        click.echo(json.dumps(told))
    else:
        click.echo(past.history_text(history))
    effort = history.effort
    say(
        console,
        f"{effort.arrivals} arrivals looked at, {effort.resolutions} resolutions, "
        f"{effort.locks} distinct locks, {effort.runs} cells run",
    )


@cli.command()
@_options(selection=False)
@click.option("--shard", type=Shard(), default="1/1", help="Only this part of the subjects.")
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def history(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, shard: tuple[int, int], subjects: tuple[str, ...],
) -> None:  # fmt: skip
    """Replay the past of every subject since 2019, or what came since the last time.

    A subject at a time, each kept as soon as it is done: stop it when you like, and go on later.
    """
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    everything = ("flask", *settings.matrix.extensions)
    if unknown := sorted(set(subjects) - set(everything)):
        raise ConfigurationError(tuple(f"matrix.yaml has no subject {name}" for name in unknown))
    if pythons:
        raise ConfigurationError(("history takes the Python of each time; replay has --python",))
    number, count = shard
    mine = (subjects or everything)[number - 1 :: count]
    console, archive, started = stderr(), Archive(reports), time.monotonic()
    locks = 0
    for done, subject in enumerate(mine, 1):
        # A ledger for each: none of them grows with the field, and `run` reads none of them.
        its_own = replace(settings, reports=reports / "past" / subject)
        with open_workplace(its_own) as workplace, observe(console) as observer:
            chapter = historian.carry_on(workplace, observer, archive, subject)
        locks += chapter.effort.locks
        passed = time.monotonic() - started
        left = passed / done * (len(mine) - done) / 60
        say(console, f"{done} of {len(mine)}: {past.chapter_line(chapter)}; "
                     f"about {left:.0f} min left")  # fmt: skip
    say(console, f"{locks} distinct locks, {locks / (time.monotonic() - started):.1f} a second")


@cli.command()
@_options(selection=False)
@click.argument("versions", nargs=-1, metavar="[FLASK_VERSION…]")
def pins(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, versions: tuple[str, ...],
) -> None:  # fmt: skip
    """Does `pip install Flask==X` still work, for each Flask since 1.0; what cures it if not."""
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    if pythons:
        raise ConfigurationError(("pins takes the Python of each Flask's own time",))
    its_own = replace(settings, reports=reports / "past" / "pins")
    console, archive = stderr(), Archive(reports)
    with open_workplace(its_own) as workplace, observe(console) as observer:
        looking = rot.look_at_all(workplace, observer, archive.pins(), versions)
        for found in looking:
            archive.add_pin(found)
            say(console, past.rot_line(found))


@cli.command()
@click.option(
    "--days",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Remove packages that no run used for so long.",
)
@click.option("--megabytes", type=click.FloatRange(0), default=10_000, show_default=True,
              help="Then the longest unused, down to this size.")  # fmt: skip
def clean(days: float, megabytes: float) -> None:
    """Remove from the package store what is not used any more; it comes back when wanted."""
    removed, left = store.collect(package_folder(), days=days, megabytes=megabytes)
    say(stderr(), f"{removed} packages removed, {left:.0f} MB left in the package store")


@cli.command()
def schema() -> None:
    """Print the JSON schema of matrix.yaml (kept as watchdog/matrix.schema.json)."""
    click.echo(matrix_file.schema_text(), nl=False)


@cli.command()
@_options(selection=False)
@click.argument("cell_id", metavar="CELL")
@click.option("--into", type=click.Path(path_type=Path), required=True, help="A new folder.")
def cell(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, cell_id: str, into: Path,
) -> None:  # fmt: skip
    """Build one cell's environment the plain way and leave it there to poke at."""
    settings = _settings(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    console = stderr()
    with open_workplace(settings) as workplace, observe(console) as observer:
        selection = _selection(settings, pythons, only=(cell_id,))
        _, found = pipeline.prepare(workplace, selection, observer)
        planned = next((each for each in found if each.cell.id == cell_id), None)
        trial = planned.trial if planned else None
        if trial is None:
            answer = planned.resolution if planned else None
            why = answer.reason if isinstance(answer, Conflict) else "matrix.yaml has no such cell"
            raise ConfigurationError((f"{cell_id} has no lock: {why}",))
        python = workplace.environments.install(
            trial.lock, trial.interpreter, into.absolute(), trial.as_of
        )
    click.echo(str(into.absolute()))
    smoke = f"watchdog/smokes/{trial.smoke}.py"
    say(console, "Run its smoke: " + shlex.join([str(python), "watchdog/probe.py", smoke]))
