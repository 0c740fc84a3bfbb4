"""The command `issues`: keeps GitHub issues equal to what the report says."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import click

from watchdog.cli.console import say, stderr
from watchdog.cli.options import matrix_option, reports_option
from watchdog.errors import ConfigurationError
from watchdog.matrix import load as matrix_file
from watchdog.matrix.schema import Matrix
from watchdog.report.api import VERSION, Field, History, Today, parse_api_file
from watchdog.report.github import issue_sync
from watchdog.report.github.issue_sync import SiteData
from watchdog.report.github.issues import IssueTracker

T = TypeVar("T")


@click.command()
@matrix_option
@reports_option
@click.option(
    "--repository",
    envvar="GITHUB_REPOSITORY",
    metavar="OWNER/NAME",
    required=True,
    help="By default that of the workflow (GITHUB_REPOSITORY).",
)
@click.option(
    "--api",
    envvar="GITHUB_API_URL",
    default="https://api.github.com",
    show_default=True,
    help="GitHub's REST API.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, change nothing.")
def issues(matrix_path: Path, reports: Path, repository: str, api: str, dry_run: bool) -> None:  # noqa: FBT001
    """One issue a breakage of today: opened, edited, closed when it works again; an overview.

    The token is read from GITHUB_TOKEN. Runs nothing but this; may be run again at will.
    """
    token = os.environ.get("GITHUB_TOKEN")
    if not token:
        raise ConfigurationError(("GITHUB_TOKEN is not set; it must be allowed to write issues",))
    matrix = matrix_file.load_matrix(matrix_path)
    site = SiteData(
        _published(matrix, reports, "today", Today),
        _published(matrix, reports, "field", Field),
        _published(matrix, reports, "history", History),
        matrix.site.url,
    )
    console = stderr()
    with contextlib.closing(IssueTracker(repository, token, api=api)) as issues:
        there = issues.all()
        changes = issue_sync.plan_changes(site, there)
        known = {issue.number: issue for issue in there}
        for change in changes:
            before = known.get(change.number)
            what = "opened" if before is None else "edited"
            if before and before.open != change.open:
                what = "opened again" if change.open else "closed"
            done = change if dry_run else issues.put(change)
            number = f"#{done.number} " if done.number is not None else ""
            say(console, f"{'would be ' if dry_run else ''}{what}: {number}{change.title}")
    if not changes:
        say(console, f"{len(there)} issues; they say what the site says")


def _published(matrix: Matrix, reports: Path, name: str, kind: type[T]) -> T:
    path = reports / "api" / VERSION / f"{name}.json"
    try:
        return parse_api_file(matrix, kind, path.read_bytes())
    except (OSError, ValueError):
        message = f"{path}: no such page for machines; write the pages with `flask-watchdog report`"
        raise ConfigurationError((message,)) from None
