"""Annotations and job summaries on GitHub Actions; does nothing elsewhere.

Texts from packages are escaped as the runner requires, so that none of them can be a command:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from watchdog.cli.workflow_log import command, on_github_actions
from watchdog.matrix.schema import Matrix
from watchdog.model.verdict import Run, State
from watchdog.model.words import counted
from watchdog.pipeline import RunResult
from watchdog.report.views.wording import breakage_row, state_symbols


def announce(matrix: Matrix, result: RunResult) -> None:
    """Annotate each new breakage of a run, and add a table of all breakages to the job summary."""
    for breakage in result.breakages:
        if breakage.new:
            annotate(f"{', '.join(breakage.victims)} broke", breakage.symptom)
    lines = [
        f"## {matrix.site.title}",
        "",
        f"Index read at {result.as_of:%Y-%m-%d %H:%M} UTC.",
        "",
    ]
    if result.breakages:
        lines += ["| new | who | how | cells | symptom |", "|---|---|---|---|---|"]
    for breakage in result.breakages:
        lines.append("| " + " | ".join(map(table_cell, breakage_row(matrix, breakage))) + " |")
    summarise("\n".join(lines))


_MOST_NEW = 50
"""Lines of new breakages in the summary of a joined run; the page has all."""


def announce_joined(matrix: Matrix, run: Run) -> None:
    """Add the counts and the new breakages of a run on several machines to the job summary."""
    words = state_symbols(matrix)
    counts = Counter(entry.state for entry in run.cells.values())
    lines = [f"## {matrix.site.title}", "", f"Index read at {run.as_of:%Y-%m-%d %H:%M} UTC.", ""]
    lines += ["| cells | |", "|---:|---|"]
    lines += [f"| {counts[state]} | {words[state][1]} |" for state in State if counts[state]]
    new = [id_ for id_, e in run.cells.items() if e.new and e.state is State.BROKEN]
    if new:
        lines += ["", f"New breakages: {counted(len(new), 'cell')}", ""]
        lines += [f"- {table_code(id_)}" for id_ in new[:_MOST_NEW]]
        if len(new) > _MOST_NEW:
            lines.append(f"- and {len(new) - _MOST_NEW} more")
    summarise("\n".join(lines))


def annotate(title: str, text: str) -> None:
    """Write an error annotation to the log of the job."""
    command("error", text, title=title)


def summarise(markdown: str) -> None:
    """Append to the summary of the job."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path and on_github_actions():
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")


def table_cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table: no markup, mentions or line breaks."""
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "\\`")
    return text.replace("<", "&lt;").replace("[", "\\[").replace("@", "@\u200b")


def table_code(text: str) -> str:
    """Format a text as code for a cell of a Markdown table."""
    text = text.replace("|", "\\|").replace("\n", " ").replace("`", "'")
    return f"`{text}`"
