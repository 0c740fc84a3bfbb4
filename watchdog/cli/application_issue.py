"""The command `application-issue`: keeps one issue while a release breaks an application."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from watchdog.cli.console import say, stderr_console
from watchdog.cli.github_annotations import annotate, summarise
from watchdog.cli.issues import api_option, describe_action, repository_option
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.report.github.application_issue import (
    Answer,
    Blame,
    broken_text,
    describe_blame,
    find_blame,
    plan_change,
    read_answer,
)
from watchdog.report.github.issues import IssueTracker
from watchdog.report.markdown import escape

_MOST_BYTES = 10_000_000
_TITLES = {
    Blame.RELEASE: "Broken by a release",
    Blame.CODE: "Not broken by a release",
    Blame.UNKNOWN: "It fails for an unknown reason",
}


@click.command(name="application-issue")
@repository_option
@api_option
@click.option(
    "--key",
    default=".",
    show_default=True,
    metavar="TEXT",
    help="Tells the applications of one repository apart; each has an issue of its own.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be changed; change nothing.")
@click.argument("answer_path", metavar="ANSWER", type=click.Path(path_type=Path, dir_okay=False))
def application_issue(
    repository: str, api: str, key: str, answer_path: Path, *, dry_run: bool
) -> int:
    """Open, update or close the issue of an application that a release broke.

    ANSWER is what `bisect --format json` printed. While the command succeeded with earlier
    releases and fails with those of today, one issue is open. If it fails with earlier ones as
    well, the code is at fault, and no issue is opened.

    Reads the token from the environment variable GITHUB_TOKEN. Can be repeated at any time.
    """
    token = os.environ.get("GITHUB_TOKEN")
    if not token:
        raise ConfigurationError(("GITHUB_TOKEN is not set; it needs permission to write issues",))
    answer = _read_answer(answer_path)
    blame = find_blame(answer)
    _say_blame(answer, blame)
    console = stderr_console()
    with contextlib.closing(IssueTracker(repository, token, api=api)) as tracker:
        existing = tracker.all()
        plan = plan_change(answer, key, existing)
        if plan is None:
            say(console, "no issue is to be changed")
        else:
            before = next((i for i in existing if i.number == plan.issue.number), None)
            action, result = describe_action(before, plan.issue), plan.issue
            if dry_run:
                action = f"would be {action}"
            else:
                result = tracker.put(plan.issue)
                if plan.comment and result.number is not None:
                    tracker.comment(result.number, plan.comment)
            number = f"#{result.number} " if result.number is not None else ""
            say(console, f"{action}: {number}{result.title}")
    return ExitCode.NOTHING_NEW if blame is Blame.NOTHING else ExitCode.NEW_BREAKAGE


def _say_blame(answer: Answer, blame: Blame) -> None:
    """Print who is at fault, also as an annotation and in the summary of a job."""
    text = describe_blame(answer)
    say(stderr_console(), text)
    if blame is not Blame.NOTHING:
        annotate(_TITLES[blame], answer.symptom or answer.reason or text)
    summarise(broken_text(answer) if blame is Blame.RELEASE else escape(text))


def _read_answer(path: Path) -> Answer:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigurationError((f"{path}: larger than an answer of `bisect` can be",))
        return read_answer(path.read_bytes())
    except OSError as e:
        raise ConfigurationError((f"{path}: {e.strerror}",)) from None
    except ValueError as e:
        raise ConfigurationError(
            (f"{path}: not what `bisect --format json` prints; missing or wrong: {e}",)
        ) from None
