"""The command group: a table of all commands, with the module that defines each.

A command's module is imported only when the command is called, so that `--version` and `--help`
start fast.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True, kw_only=True)
class CommandSource:
    """The definition of a command, and its line in `--help`.

    Attributes:
        section: heading under which `--help` lists it.
        attribute: `module:name` of the click command, below `watchdog.cli`.
        summary: one line for the list of commands.
    """

    section: str
    attribute: str
    summary: str


_EVERYDAY = "Everyday"
_MATRIX = "The matrix"
_HISTORY = "History"
_MAINTAINERS = "For maintainers"
_AUTOMATION = "Automation"


def _source(section: str, attribute: str, summary: str) -> CommandSource:
    return CommandSource(section=section, attribute=attribute, summary=summary)


COMMANDS = {
    "check": _source(_EVERYDAY, "check:check", "Test whether some packages work together."),
    "explain": _source(
        _EVERYDAY, "check:explain", "Find which release broke something, and what to pin instead."
    ),
    "bisect": _source(
        _EVERYDAY, "bisect:bisect", "Find the release that made your tests or application fail."
    ),
    "upgrade": _source(
        _EVERYDAY, "upgrade:upgrade", "Find what must change to reach a newer Flask."
    ),
    "doctor": _source(_EVERYDAY, "doctor:doctor", "Check that this machine has what a run needs."),
    "run": _source(_MATRIX, "run:run", "Run the matrix and write the report."),
    "report": _source(_MATRIX, "run:report", "Write the report again without running anything."),
    "show": _source(_MATRIX, "run:show", "Show the result, log and packages of one cell."),
    "changes": _source(_MATRIX, "changes:changes", "Show what changed since an earlier run."),
    "cell": _source(_MATRIX, "run:cell", "Build the environment of one cell and keep it."),
    "smoke": _source(_MATRIX, "smoke:smoke", "Run one smoke with exactly the packages you name."),
    "replay": _source(_HISTORY, "history:replay", "Find every past breakage of one package."),
    "history": _source(_HISTORY, "history:history", "Update the stored history of every package."),
    "cures": _source(_HISTORY, "history:cures", "Find versions to install instead of broken ones."),
    "pins": _source(_HISTORY, "history:pins", "Test whether each old Flask still works."),
    "candidate": _source(
        _MAINTAINERS, "candidate:candidate", "Find what an unpublished release would break."
    ),
    "extension": _source(
        _MAINTAINERS, "extension:extension", "Test your own extension with each Flask."
    ),
    "forecast": _source(
        _MAINTAINERS, "forecast:forecast", "Find what the next releases will break."
    ),
    "declared": _source(
        _MAINTAINERS, "field:declared", "Compare declared version ranges with what works."
    ),
    "constraints": _source(
        _MAINTAINERS, "field:constraints", "Write a constraints file of versions that work."
    ),
    "tail": _source(
        _MAINTAINERS, "tail:tail", "Keep the list of the packages that are run without a smoke."
    ),
    "suite": _source(
        _MAINTAINERS, "suite:suite", "Run the test suite that a package brings, and compare."
    ),
    "suites": _source(_MAINTAINERS, "suite:suites", "Run the test suites of all listed packages."),
    "second-opinion": _source(
        _MAINTAINERS,
        "second_opinion:second_opinion",
        "Repeat a sample of cells with venv and pip.",
    ),
    "plan": _source(_AUTOMATION, "shards:plan", "List what a run would do, split into shards."),
    "merge": _source(_AUTOMATION, "shards:merge", "Join the reports of several shards."),
    "issues": _source(_AUTOMATION, "issues:issues", "Open and close issues on GitHub."),
    "application-issue": _source(
        _AUTOMATION,
        "application_issue:application_issue",
        "Open or close the issue of an application.",
    ),
    "hook": _source(_AUTOMATION, "hook:hook", "Check changed dependency files before a commit."),
    "pythons": _source(
        _AUTOMATION, "pythons:pythons", "List the Pythons of matrix.yaml, or ask for new ones."
    ),
    "schema": _source(_AUTOMATION, "run:schema", "Print the JSON schema of matrix.yaml."),
    "clean": _source(_AUTOMATION, "run:clean", "Delete cached packages that are no longer used."),
}
"""Every command, in the order in which `--help` lists them."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None if no command has that name."""
        source = COMMANDS.get(cmd_name)
        if source is None:
            return None
        module, name = source.attribute.split(":")
        command = getattr(importlib.import_module(f"watchdog.cli.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101  a wrong table is a bug
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands by section, without importing them."""
        for section in dict.fromkeys(source.section for source in COMMANDS.values()):
            rows = [
                (name, source.summary)
                for name, source in COMMANDS.items()
                if source.section == section
            ]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flask-watchdog")
def cli() -> None:
    """Find out what breaks between Flask, Werkzeug and the popular extensions, by running them.

    Exit codes: 0 nothing new, 1 new breakage, 2 usage or configuration error, 3 infrastructure
    failure (the index, the disk, a tool), 130 interrupted.
    """
