"""The command `extension`: for the people who maintain one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click

from watchdog.analysis import candidate_source
from watchdog.analysis.extension import (
    ExtensionCheck,
    ExtensionFinding,
    ExtensionReport,
    check_extension,
    default_pythons,
    extension_matrix,
)
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.github_annotations import annotate, summarise, table_cell
from watchdog.cli.options import as_of_option, jobs_option, reports_option, smokes_option
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.matrix import load, schema
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.verdict import Verdict, count_states
from watchdog.report import site
from watchdog.report.views.wording import state_symbols
from watchdog.resolver.overlay_index import Wheel
from watchdog.runner.workspace import Settings
from watchdog.storage.ledger import Ledger


@click.command()
@click.argument("path", metavar="WHEEL|FOLDER")
@click.option(
    "--smoke",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with test_ functions that use it as its users do.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="X.Y",
    help="Only these Pythons; by default those its metadata allows.",
)
@click.option(
    "--framework",
    "--flask",
    "framework",
    multiple=True,
    default=("last 3", "prerelease"),
    show_default=True,
    metavar="RULE",
    help="As in matrix.yaml: newest, 'last 3', 'since 2.0', '2.3' …",
)
@click.option(
    "--foundation",
    "--werkzeug",
    "foundation",
    multiple=True,
    default=("resolved",),
    show_default=True,
    metavar="RULE",
    help="Likewise.",
)
@click.option(
    "--requires", multiple=True, metavar="REQUIREMENT", help="What the smoke needs beside it."
)
@click.option(
    "--service",
    "services",
    multiple=True,
    type=click.Choice(get_args(schema.Service)),
    help="A server the smoke talks to.",
)
@click.option("--known", multiple=True, metavar="GLOB", help="Cells that may break.")
@as_of_option
@jobs_option
@click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    help="Under the core of this file; by default Flask and Werkzeug.",
)
@reports_option
@smokes_option
def extension(
    path: str,
    smoke: Path | None,
    pythons: tuple[str, ...],
    framework: tuple[str, ...],
    foundation: tuple[str, ...],
    requires: tuple[str, ...],
    services: tuple[str, ...],
    known: tuple[str, ...],
    as_of: datetime | None,
    jobs: int,
    reports: Path,
    matrix_path: Path | None,
    smokes: Path,
) -> int:
    """Does the extension in this folder work with the series of Flask? If not, since which release?

    Exit code 1 when something breaks that the folder of reports did not know yet.
    """
    console = stderr()
    with candidate_source.resolve_candidate(path) as wheel:
        if not isinstance(wheel, Wheel):
            raise ConfigurationError((f"{path} is neither a wheel nor a folder to build",))
        core = load.load_matrix(matrix_path).core if matrix_path else schema.DEFAULT_CORE
        asked = ExtensionCheck(
            wheel,
            smoke,
            pythons or default_pythons(wheel),
            framework,
            foundation,
            requires,
            services,
            known,
            core,
        )
        matrix = extension_matrix(asked)
        settings = Settings(matrix, as_of or datetime.now(UTC), reports, jobs, smokes=smokes)
        with observe(console, matrix) as observer:
            found = check_extension(settings, asked, observer)
        page = site.write_site(matrix, Ledger(reports), reports)
    text = _markdown(matrix, found)
    click.echo(text)
    summarise(text)
    for finding in found.new:
        annotate(f"{found.wheel.name} breaks", f"{finding.breakage.symptom} {_by(finding)}".strip())
    say(console, f"Report: {page}")
    return ExitCode.NEW_BREAKAGE if found.new else ExitCode.NOTHING_NEW


def _by(finding: ExtensionFinding) -> str:
    """Who did it, in words; nothing where nobody could be proved."""
    by = finding.checked.culprit
    if by is None:
        return ""
    return f"(through {by.name} {by.version}{_since(finding)}; it works with {by.last_good})"


def _since(finding: ExtensionFinding) -> str:
    since = finding.checked.since
    return f" since {since:%Y-%m-%d}" if since else ""


def _markdown(matrix: Matrix, report: ExtensionReport) -> str:
    wheel, counts, shown = report.wheel, count_states(report.verdicts), state_symbols(matrix)
    told = [f"{n} {shown[state][1]}" for state, n in counts.items() if n]
    lines = [
        f"## {wheel.name} {wheel.version}",
        "",
        f"{len(report.verdicts)} cells: " + ", ".join(told) + ".",
    ]
    for finding in report.findings:
        lines += ["", *_told(finding)]
    lines += ["", "| Python | " + " | ".join(columns := _columns(report)) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for python in dict.fromkeys(v.cell.python for v in report.verdicts):
        states = {_column(v): v.state for v in report.verdicts if v.cell.python == python}
        row = [shown[states[c]][0] if c in states else "" for c in columns]
        lines.append(f"| {python} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _told(finding: ExtensionFinding) -> list[str]:
    breakage, checked = finding.breakage, finding.checked
    lines = [
        f"### {'New' if finding.new else 'Known'}: {table_cell(breakage.symptom)}",
        "",
        f"In {len(breakage.verdicts)} cells: "
        + ", ".join(f"`{v.cell.id}`" for v in breakage.verdicts[:5])
        + (" …" if breakage.verdicts[5:] else ""),
    ]
    if by := checked.culprit:
        told = f"Culprit: **{by.name} {by.version}**{_since(finding)}"
        lines += ["", f"{told} (with {by.last_good} it works; proof: {checked.proof})."]
    if checked.missing:
        lines += ["", f"Missing: `{checked.missing}`"]
    if checked.cure:
        lines += ["", f"It works with: `pip install {' '.join(checked.cure.pins)}` beside it."]
    return lines


def _columns(report: ExtensionReport) -> list[str]:
    return list(dict.fromkeys(map(_column, report.verdicts)))


def _column(verdict: Verdict) -> str:
    _, table, _, *rest = verdict.cell.id.split("/")
    return "unpinned" if table == Table.TODAY else " ".join(rest)
