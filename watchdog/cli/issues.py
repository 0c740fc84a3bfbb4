"""The command `issues`: opens, edits and closes GitHub issues so that they match the report."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import click

from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import matrix_option, reports_option
from watchdog.cli.published import load_field
from watchdog.errors import ConfigurationError
from watchdog.matrix.schema import Matrix
from watchdog.report.api import VERSION, Field, History, Today, parse_api_file
from watchdog.report.github import issue_sync
from watchdog.report.github.issue_sync import Issue, SiteData
from watchdog.report.github.issues import IssueTracker

T = TypeVar("T")

repository_option = click.option(
    "--repository",
    envvar="GITHUB_REPOSITORY",
    metavar="OWNER/NAME",
    required=True,
    help="The repository of the issues; in a workflow, by default its own (GITHUB_REPOSITORY).",
)
api_option = click.option(
    "--api",
    envvar="GITHUB_API_URL",
    default="https://api.github.com",
    show_default=True,
    help="Address of GitHub's REST API.",
)


@click.command()
@matrix_option
@reports_option
@repository_option
@api_option
@click.option("--dry-run", is_flag=True, help="Print what would be changed; change nothing.")
def issues(matrix_path: Path, reports: Path, repository: str, api: str, *, dry_run: bool) -> None:
    """Open, edit and close issues on GitHub: one for each current breakage, and an overview.

    Reads the token from the environment variable GITHUB_TOKEN. Can be repeated at any time.
    """
    token = os.environ.get("GITHUB_TOKEN")
    if not token:
        raise ConfigurationError(("GITHUB_TOKEN is not set; it needs permission to write issues",))
    matrix = load_field(matrix_path, os.environ)
    site = SiteData(
        today=_read_api_file(matrix, reports, "today", Today),
        field=_read_api_file(matrix, reports, "field", Field),
        history=_read_api_file(matrix, reports, "history", History),
        url=matrix.site.url,
    )
    console = stderr_console()
    with contextlib.closing(IssueTracker(repository, token, api=api)) as tracker:
        existing = tracker.all()
        by_number = {issue.number: issue for issue in existing}
        changes = issue_sync.plan_changes(site, existing)
        for change in changes:
            action = describe_action(by_number.get(change.number), change)
            if dry_run:
                action, result = f"would be {action}", change
            else:
                result = tracker.put(change)
            number = f"#{result.number} " if result.number is not None else ""
            say(console, f"{action}: {number}{change.title}")
    if not changes:
        say(console, f"{len(existing)} issues; they match the report, nothing to change")


def describe_action(before: Issue | None, after: Issue) -> str:
    """Return in one word what a change does to an issue; `before` is None for a new one."""
    if before is None:
        return "opened"
    if before.open == after.open:
        return "edited"
    return "reopened" if after.open else "closed"


def _read_api_file(matrix: Matrix, reports: Path, name: str, kind: type[T]) -> T:
    path = reports / "api" / VERSION / f"{name}.json"
    try:
        return parse_api_file(matrix, kind, path.read_bytes())
    except (OSError, ValueError):
        message = f"{path} is missing or outdated; write it with `flask-watchdog report`"
        raise ConfigurationError((message,)) from None
