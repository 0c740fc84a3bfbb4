"""The commands about the field: what a candidate would break, and what works together."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog import candidate as candidates
from watchdog import declared as measuring
from watchdog import known_good, ranges
from watchdog.candidate import Change, Compared, Effect
from watchdog.cli_past import cli
from watchdog.console import observe, say, stderr
from watchdog.errors import ConfigurationError, ExitCode, InstallError
from watchdog.interpreters import how_to_get
from watchdog.options import options, settings_of
from watchdog.overlay import Overlay, Wheel, read_wheel
from watchdog.process import Processes
from watchdog.report import site
from watchdog.uv import Uv
from watchdog.workplace import Settings, open_workplace

__all__ = ["cli"]


@cli.command()
@options(selection=False)
@click.option("--only", multiple=True, metavar="SUBJECT", help="Only these subjects.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
)
@click.argument("what", metavar="WHEEL|PATH|REQUIREMENT|GIT_URL")
def candidate(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, only: tuple[str, ...], format_: str, what: str,
) -> int:  # fmt: skip
    """What would break if this were published: the whole field with it and without it.

    A wheel, a source tree, git+URL, or a requirement such as werkzeug==3.2.0rc1.
    """
    # Both worlds are to be the same: what was published meanwhile is in neither.
    settled = as_of or datetime.now(UTC) - timedelta(hours=1)
    settings = settings_of(matrix_path, settled, reports, jobs, smokes, offline=offline)
    if len(pythons) > 1:
        raise ConfigurationError(("candidate answers for one --python at a time",))
    everything = ("flask", *settings.matrix.extensions)
    if unknown := sorted(set(only) - set(everything)):
        raise ConfigurationError(tuple(f"matrix.yaml has no subject {name}" for name in unknown))
    subjects = only or everything
    console = stderr()
    with _meant(what) as meant, observe(console) as observer:
        name = canonicalize_name(meant.name)
        with open_workplace(settings) as workplace:
            python = pythons[0] if pythons else list(workplace.interpreters)[-1]
            if python not in workplace.interpreters:
                raise ConfigurationError((how_to_get(python),))
            without = candidates.look(workplace, observer, subjects, python, name=name)
        if isinstance(meant, Wheel):
            with Overlay(meant, settings.as_of) as overlay:
                asked = replace(settings, overlay=overlay.url)
                pin = meant.requirement
                with_ = _with(asked, observer, tuple(without), python, name=name, pin=pin)
        else:
            with_ = _with(settings, observer, tuple(without), python, name=name, pin=str(meant))
            pin = str(meant)
    compared = candidates.compare(pin, python, name, without, with_)
    click.echo(_WRITERS[format_](compared), nl=format_ != "json")
    if not compared.effects:
        say(console, f"no subject that was looked at has {name} in its set")
    return ExitCode.NEW_BREAKAGE if compared.of(Change.REGRESSED) else ExitCode.NOTHING_NEW


def _with(
    settings: Settings, observer: Any, subjects: tuple[str, ...], python: str,  # noqa: ANN401
    *, name: str, pin: str,
) -> Mapping[str, candidates.Seen]:  # fmt: skip
    with open_workplace(settings) as workplace:
        return candidates.look(workplace, observer, subjects, python, name=name, pin=pin)


@cli.command()
@options(selection=False)
@click.option(
    "--cooldown",
    type=click.FloatRange(0),
    default=48,
    show_default=True,
    help="Hours for which a release is left out.",
)
def constraints(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path, cooldown: float,
) -> None:  # fmt: skip
    """The known-good set: as many subjects as can live together, as constraints-PYTHON.txt."""
    settings = settings_of(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    settings = replace(settings, as_of=settings.as_of - timedelta(hours=cooldown))
    console = stderr()
    with open_workplace(settings) as workplace, observe(console) as observer:
        for python in pythons or (list(workplace.interpreters)[-1],):
            if python not in workplace.interpreters:
                raise ConfigurationError((how_to_get(python),))
            found = known_good.find(workplace, observer, python)
            path = reports / f"constraints-{python}.txt"
            site.put(path, found.text)
            say(console, f"{len(found.subjects)} subjects together, {len(found.left_out)} left "
                         f"out: {path}")  # fmt: skip


@cli.command()
@options(selection=False)
def declared(
    as_of: datetime | None, pythons: tuple[str, ...], jobs: int, offline: bool, matrix_path: Path,  # noqa: FBT001
    reports: Path, smokes: Path,
) -> None:  # fmt: skip
    """What the metadata of the grid's subjects allows of Flask, beside what works."""
    settings = settings_of(matrix_path, as_of, reports, jobs, smokes, offline=offline)
    if pythons:
        raise ConfigurationError(("declared takes the Pythons of the grid in matrix.yaml",))
    with open_workplace(settings) as workplace, observe(stderr()) as observer:
        found = measuring.measure(workplace, observer)
    site.put(reports / "declared.json", ranges.text(found))
    for each in found:
        broken = ", ".join(s.flask for s in each.allows_broken) or "nothing"
        working = ", ".join(s.flask for s in each.forbids_working) or "nothing"
        click.echo(f"{each.subject} {each.version}: allows and breaks with {broken}; forbids and "
                   f"works with {working}; {each.suggestion or 'nothing to suggest'}")  # fmt: skip


@contextmanager
def _meant(what: str) -> Iterator[Wheel | Requirement]:
    """The wheel or requirement that is meant; sources are built, and gone in the end."""
    path = Path(what)
    with tempfile.TemporaryDirectory(prefix="fw-candidate-") as folder:
        if what.endswith(".whl"):
            yield read_wheel(path)
        elif what.startswith("git+"):
            yield _built(_cloned(what, Path(folder) / "source"), Path(folder))
        elif path.is_dir():
            yield _built(path, Path(folder))
        else:
            try:
                requirement = Requirement(what)
            except InvalidRequirement as e:
                problem = f"{what!r} is no wheel, folder, git+URL or requirement: {e}"
                raise ConfigurationError((problem.splitlines()[0],)) from None
            if not requirement.specifier:
                raise ConfigurationError((f"{what}: say which version, as in {what}==1.2.3",))
            yield requirement


def _cloned(url: str, into: Path) -> Path:
    address, _, revision = url.removeprefix("git+").partition("@")
    git = shutil.which("git")
    if git is None:
        raise ConfigurationError(("git is not installed; clone it yourself and name the folder",))
    commands = [[git, "clone", "-q", "--", address, str(into)]]
    if revision:
        commands.append([git, "-C", str(into), "checkout", "-q", "--detach", revision])
    for argv in commands:
        if subprocess.run(argv, check=False).returncode:
            raise ConfigurationError((f"{url} cannot be cloned",))
    return into


def _built(source: Path, folder: Path) -> Wheel:
    processes = Processes()
    try:
        return read_wheel(Uv(processes, folder).build(source.absolute(), folder / "wheel"))
    except InstallError as e:
        raise ConfigurationError((f"{source} does not build: {e.symptom}",)) from None
    finally:
        processes.stop_all()


def _json(compared: Compared) -> str:
    return json.dumps(
        {
            "candidate": compared.candidate,
            "python": compared.python,
            "effects": [
                {
                    "subject": e.subject,
                    "change": e.change,
                    "failures": dict(e.new_failures),
                    "reason": e.after.reason,
                    "also_changed": list(e.also),
                    "lock": dict(e.after.lock.pins) if e.after.lock else None,
                }
                for e in compared.effects
            ],
            "untouched": list(compared.untouched),
        }
    ) + "\n"  # fmt: skip


def _line(compared: Compared) -> str:
    counts = [f"{len(found)} {c}" for c in Change if (found := compared.of(c))]
    return f"{compared.candidate} on Python {compared.python}: " + (", ".join(counts) or "nothing")


_TOLD = (Change.REGRESSED, Change.NOT_INSTALLABLE, Change.FIXED, Change.NOT_JUDGED)


def _told(compared: Compared) -> Iterator[tuple[Change, Effect, str]]:
    for change in _TOLD:
        for effect in compared.of(change):
            failures = effect.new_failures or effect.after.fails
            words = "; ".join(dict.fromkeys(symptom for _, symptom in failures))
            yield change, effect, words or effect.after.reason or effect.before.reason or ""


def _table(compared: Compared) -> str:
    lines = [_line(compared)]
    for change, effect, words in _told(compared):
        beside = f" (beside it, {', '.join(effect.also)} changed)" if effect.also else ""
        lines.append(f"{change}: {effect.subject}: {words[:300]}{beside}")
    return "\n".join(lines)


def _markdown(compared: Compared) -> str:
    def cell(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "'")

    lines = [f"### What `{compared.candidate}` would break", "", _line(compared) + ".", ""]
    rows = [f"| {change} | {e.subject} | `{cell(words[:300])}` |"
            for change, e, words in _told(compared)]  # fmt: skip
    if rows:
        lines += ["| | subject | what one sees |", "|---|---|---|", *rows]
    else:
        lines.append("Nothing changes for any subject.")
    return "\n".join(lines)


_WRITERS = {"table": _table, "json": _json, "markdown": _markdown}
