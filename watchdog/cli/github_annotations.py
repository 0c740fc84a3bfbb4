"""What GitHub Actions shows of a command: annotations, and a summary of the job.

Nothing outside of Actions. Texts from packages are escaped as the runner wants it, so that none of
them can be a command: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from watchdog.matrix.schema import Matrix
from watchdog.pipeline import RunResult
from watchdog.report.views.wording import breakage_row


def announce(matrix: Matrix, result: RunResult) -> None:
    """What a run found that is new, and a table of all that is broken."""
    for breakage in result.breakages:
        if breakage.new:
            annotate(f"{', '.join(breakage.victims)} broke", breakage.symptom)
    lines = [
        f"## {matrix.site.title}",
        "",
        f"Index read at {result.as_of:%Y-%m-%d %H:%M} UTC.",
        "",
    ]
    lines += ["| new | who | cells | symptom |", "|---|---|---|---|"] if result.breakages else []
    for breakage in result.breakages:
        lines.append("| " + " | ".join(map(table_cell, breakage_row(matrix, breakage))) + " |")
    summarise("\n".join(lines))


def annotate(title: str, text: str) -> None:
    """An error beside the job."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write(f"::error title={_property(title)}::{_data(text)}\n")


def summarise(markdown: str) -> None:
    """Add to the summary of the job."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path and os.environ.get("GITHUB_ACTIONS") == "true":
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def table_cell(text: str) -> str:
    """Text for a cell of a Markdown table, without mark-up, mentions and lines."""
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "\\`")
    return text.replace("<", "&lt;").replace("[", "\\[").replace("@", "@\u200b")


def table_code(text: str) -> str:
    """Text for a cell of a Markdown table, between backticks."""
    text = text.replace("|", "\\|").replace("\n", " ").replace("`", "'")
    return f"`{text}`"
