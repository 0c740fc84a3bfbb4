"""The command `extension`: tests a maintainer's own extension, published or not."""

from __future__ import annotations

from collections.abc import Iterator
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
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.github_annotations import annotate, summarise, table_cell
from watchdog.cli.options import as_of_option, jobs_option, smokes_option
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.matrix import load, schema
from watchdog.matrix.schema import Matrix
from watchdog.matrix.schema_types import Service
from watchdog.model.cell import Table
from watchdog.model.verdict import State, Verdict, count_states
from watchdog.model.words import counted
from watchdog.report import site
from watchdog.report.views.wording import state_symbols
from watchdog.resolver.overlay_index import Wheel
from watchdog.runner.workspace import Settings
from watchdog.storage.ledger import Ledger

_MOST_CELLS = 5
"""Cells of a breakage that are named; the others are counted."""


@click.command()
@click.argument("path", metavar="WHEEL|FOLDER")
@click.option(
    "--smoke",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of test_ functions that use the extension as its users do; by default the "
    "built-in one, or an automatic one.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="X.Y",
    help="Use only this Python version; may be repeated. By default every version that the "
    "extension's metadata allows.",
)
@click.option(
    "--framework",
    "--flask",
    "framework",
    multiple=True,
    default=("last 3", "prerelease"),
    show_default=True,
    metavar="RULE",
    help="Flask versions to test with, as in matrix.yaml: newest, 'last 3', 'since 2.0', '2.3' "
    "…; may be repeated.",
)
@click.option(
    "--foundation",
    "--werkzeug",
    "foundation",
    multiple=True,
    default=("resolved",),
    show_default=True,
    metavar="RULE",
    help="Werkzeug versions to test with, as for --flask; may be repeated.",
)
@click.option(
    "--requires",
    multiple=True,
    metavar="REQUIREMENT",
    help="A package that the smoke test needs besides the extension; may be repeated.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    type=click.Choice(get_args(Service)),
    help="A server that the smoke test needs; may be repeated.",
)
@click.option(
    "--known",
    multiple=True,
    metavar="GLOB",
    help="Cells whose id matches this pattern are expected to break; may be repeated.",
)
@as_of_option
@jobs_option
@click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    help="Use the core packages of this matrix.yaml; by default Flask and Werkzeug.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder for the pages and all stored results of this extension.",
)
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
    """Test your own extension with each series of Flask, and find which release broke it.

    Takes a wheel, or a folder from which one can be built. Exit code 1 if something breaks that
    was not yet broken in the results stored in the folder of reports.
    """
    console = stderr_console()
    with candidate_source.resolve_candidate(path) as wheel:
        if not isinstance(wheel, Wheel):
            raise ConfigurationError((f"{path} is neither a wheel nor a folder to build",))
        check = ExtensionCheck(
            wheel=wheel,
            smoke=smoke,
            pythons=pythons or default_pythons(wheel),
            framework=framework,
            foundation=foundation,
            requires=requires,
            services=services,
            known=known,
            core=load.load_matrix(matrix_path).core if matrix_path else schema.DEFAULT_CORE,
        )
        matrix = extension_matrix(check)
        settings = Settings(
            matrix=matrix,
            as_of=as_of or datetime.now(UTC),
            reports=reports,
            jobs=jobs,
            smokes=smokes,
        )
        with observe(console, matrix) as observer:
            report = check_extension(settings, check, observer)
        page = site.write_site(matrix, Ledger(reports), reports).page
    text = _report_markdown(matrix, report)
    click.echo(text)
    summarise(text)
    for finding in report.new:
        annotate(f"{report.wheel.name} breaks", _annotation(finding))
    say(console, f"Report: {page}")
    if not any(verdict.state in _JUDGED for verdict in report.verdicts):
        reasons = dict.fromkeys(v.reason for v in report.verdicts if v.reason)
        raise InfrastructureError(
            f"none of its cells could be judged ({len(report.verdicts)}), so nothing is known of "
            f"{report.wheel.name}: " + ("; ".join(reasons) or "see the table above")
        )
    return ExitCode.NEW_BREAKAGE if report.new else ExitCode.NOTHING_NEW


_JUDGED = frozenset({State.WORKS, State.BROKEN, State.FLAKY})
"""States that say something of the extension itself."""


def _annotation(finding: ExtensionFinding) -> str:
    """Return the symptom, and the culprit in parentheses if it could be proved."""
    culprit = finding.checked.culprit
    if culprit is None:
        return finding.breakage.symptom
    return (
        f"{finding.breakage.symptom} (caused by {culprit.name} {culprit.version}"
        f"{_since(finding)}; it works with {culprit.last_good})"
    )


def _since(finding: ExtensionFinding) -> str:
    since = finding.checked.since
    return f" since {since:%Y-%m-%d}" if since else ""


def _report_markdown(matrix: Matrix, report: ExtensionReport) -> str:
    """Format counts, a section for each breakage, and the table of all cells."""
    words = state_symbols(matrix)
    counts = []
    for state, number in count_states(report.verdicts).items():
        if number:
            counts.append(f"{number} {words[state][1]}")
    lines = [
        f"## {report.wheel.name} {report.wheel.version}",
        "",
        f"{counted(len(report.verdicts), 'cell')}: {', '.join(counts)}.",
    ]
    for finding in report.findings:
        lines += ["", *_finding_lines(finding)]
    lines += ["", *_table_lines(matrix, report.verdicts)]
    return "\n".join(lines)


def _finding_lines(finding: ExtensionFinding) -> Iterator[str]:
    breakage, checked = finding.breakage, finding.checked
    kind = "New" if finding.new else "Known"
    yield f"### {kind}: {table_cell(breakage.symptom)}"
    cells = ", ".join(f"`{verdict.cell.id}`" for verdict in breakage.verdicts[:_MOST_CELLS])
    more = " …" if len(breakage.verdicts) > _MOST_CELLS else ""
    yield ""
    yield f"In {counted(len(breakage.verdicts), 'cell')}: {cells}{more}"
    if culprit := checked.culprit:
        yield ""
        yield (
            f"Culprit: **{culprit.name} {culprit.version}**{_since(finding)} "
            f"(with {culprit.last_good} it works; proof: {checked.proof})."
        )
    if checked.missing:
        yield ""
        yield f"Missing: `{checked.missing}`"
    if checked.cure:
        yield ""
        yield f"It works if you also install: `pip install {' '.join(checked.cure.pins)}`."


def _table_lines(matrix: Matrix, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    """Yield a Markdown table: a row for each Python, a column for each choice of versions."""
    states: dict[tuple[str, str], State] = {}
    for verdict in verdicts:
        states[verdict.cell.python, _column(verdict)] = verdict.state
    columns = list(dict.fromkeys(column for _, column in states))
    words = state_symbols(matrix)
    yield "| Python | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for python in dict.fromkeys(python for python, _ in states):
        row = []
        for column in columns:
            state = states.get((python, column))
            row.append(words[state][0] if state else "")
        yield f"| {python} | {' | '.join(row)} |"


def _column(verdict: Verdict) -> str:
    _, table, _, *versions = verdict.cell.id.split("/")
    return "unpinned" if table == Table.TODAY else " ".join(versions)
