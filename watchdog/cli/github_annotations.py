"""Annotations and job summaries on GitHub Actions; does nothing elsewhere.

Texts from packages are escaped as the runner requires, so that none of them can be a command:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from watchdog.matrix.schema import Matrix
from watchdog.pipeline import RunResult
from watchdog.report.views.wording import breakage_row


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


def annotate(title: str, text: str) -> None:
    """Write an error annotation to the log of the job."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write(f"::error title={_property(title)}::{_data(text)}\n")


def summarise(markdown: str) -> None:
    """Append to the summary of the job."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path and os.environ.get("GITHUB_ACTIONS") == "true":
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def table_cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table: no markup, mentions or line breaks."""
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "\\`")
    return text.replace("<", "&lt;").replace("[", "\\[").replace("@", "@\u200b")


def table_code(text: str) -> str:
    """Format a text as code for a cell of a Markdown table."""
    text = text.replace("|", "\\|").replace("\n", " ").replace("`", "'")
    return f"`{text}`"
