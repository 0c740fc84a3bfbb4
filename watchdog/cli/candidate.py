"""The command `candidate`: what an unpublished release would break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import click

from watchdog.analysis import candidate as candidates
from watchdog.analysis import candidate_source
from watchdog.analysis.candidate import Change, Comparison, Effect
from watchdog.cli.candidate_static import print_static_result
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.github_annotations import summarise, table_code
from watchdog.cli.options import Pythons, choose_python, options, select_subjects
from watchdog.errors import ExitCode
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner.workspace import Settings, open_workspace

_LISTED_CHANGES = (
    Change.REGRESSED,
    Change.CAPPED,
    Change.NOT_INSTALLABLE,
    Change.FIXED,
    Change.NOT_JUDGED,
)
"""Changes of which each subject is listed, in this order; the others are only counted."""

_LONGEST_SYMPTOM = 300
"""Characters of the symptoms of one subject."""


@click.command()
# Both runs must see the same index; a release of the last minutes may show up in one only.
@options(python=Pythons.ONE, settled=timedelta(hours=1))
@click.option(
    "--only",
    multiple=True,
    metavar="SUBJECT",
    help="Test only this package; may be repeated.",
)
@click.option(
    "--static",
    is_flag=True,
    help="Only read source code: find what packages use and this release lacks. Runs no test.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="Print text for people, JSON, or Markdown for a pull request.",
)
@click.argument("what", metavar="WHEEL|PATH|REQUIREMENT|GIT_URL")
def candidate(
    settings: Settings,
    python: str | None,
    only: tuple[str, ...],
    static: bool,  # noqa: FBT001  click passes options by name
    format_: str,
    what: str,
) -> int:
    """Find what an unpublished release would break: run every package with it and without it.

    Takes a wheel, a source folder, git+URL, or a requirement such as werkzeug==3.2.0rc1.
    """
    subjects = select_subjects(settings, only)
    if static:
        print_static_result(settings, python, subjects, what, format_)
        return ExitCode.NOTHING_NEW
    console = stderr_console()
    with ExitStack() as stack:
        source = stack.enter_context(candidate_source.resolve_candidate(what))
        observer = stack.enter_context(observe(console, settings.matrix))
        workspace = workspace_with = stack.enter_context(open_workspace(settings))
        version = choose_python(workspace, python)
        if isinstance(source, Wheel):
            overlay = stack.enter_context(OverlayIndex(source, settings.as_of))
            settings_with = replace(settings, overlay=overlay.url)
            workspace_with = stack.enter_context(open_workspace(settings_with))
        release = candidate_source.find_candidate(workspace_with, source, version)
        without = candidates.observe_field(workspace, observer, subjects, version, release.name)
        with_ = candidates.observe_with_candidate(workspace_with, observer, without, release)
    comparison = candidates.compare(release.requirement, version, release.name, without, with_)
    if format_ == "json":
        click.echo(json.dumps(_comparison_json(comparison)))
    elif format_ == "markdown":
        click.echo(_comparison_markdown(comparison))
    else:
        click.echo(_comparison_text(comparison))
    summarise(_comparison_markdown(comparison))
    if not comparison.effects:
        say(console, f"none of the tested packages installs {release.name}")
    if comparison.of(Change.REGRESSED):
        return ExitCode.NEW_BREAKAGE
    return ExitCode.NOTHING_NEW


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "candidate": comparison.candidate,
        "python": comparison.python,
        "effects": [_effect_json(effect) for effect in comparison.effects],
        "untouched": list(comparison.untouched),
    }


def _effect_json(effect: Effect) -> dict[str, Any]:
    lock = effect.after.lock
    return {
        "subject": effect.subject,
        "change": effect.change,
        "failures": dict(effect.new_failures),
        "reason": effect.after.reason,
        "also_changed": list(effect.also),
        "moves": list(effect.moves),
        "lock": dict(lock.pins) if lock else None,
    }


def _comparison_text(comparison: Comparison) -> str:
    rows = [
        f"{row.effect.change}: {row.effect.subject}: {row.symptoms}{row.moves}"
        for row in _listed_effects(comparison)
    ]
    return "\n".join([_counts_line(comparison), *rows])


def _comparison_markdown(comparison: Comparison) -> str:
    lines = [
        f"### What `{comparison.candidate}` would break",
        "",
        _counts_line(comparison) + ".",
        "",
    ]
    rows = [
        f"| {row.effect.change} | {row.effect.subject} | {table_code(row.symptoms)}{row.moves} |"
        for row in _listed_effects(comparison)
    ]
    if rows:
        lines += ["| | subject | symptom |", "|---|---|---|", *rows]
    else:
        lines.append("Nothing changes for any subject.")
    return "\n".join(lines)


def _counts_line(comparison: Comparison) -> str:
    """Return `werkzeug==3.2.0 on Python 3.13: 3 regressed, 79 still works`."""
    numbers = {change: len(comparison.of(change)) for change in Change}
    counts = [f"{number} {change}" for change, number in numbers.items() if number]
    summary = ", ".join(counts) or "nothing"
    return f"{comparison.candidate} on Python {comparison.python}: {summary}"


@dataclass(frozen=True, kw_only=True)
class _ListedEffect:
    """An effect with its distinct symptoms, or the reason why there are none, as one line."""

    effect: Effect
    symptoms: str

    @property
    def moves(self) -> str:
        """Return which other packages moved, as the end of the line; empty if none did."""
        moves = ", ".join(self.effect.moves)
        return f" (moved with it: {moves})" if moves else ""


def _listed_effects(comparison: Comparison) -> Iterator[_ListedEffect]:
    for change in _LISTED_CHANGES:
        for effect in comparison.of(change):
            failures = effect.new_failures or effect.after.fails
            symptoms = "; ".join(dict.fromkeys(symptom for _, symptom in failures))
            text = symptoms or effect.after.reason or effect.before.reason or ""
            yield _ListedEffect(effect=effect, symptoms=text[:_LONGEST_SYMPTOM])
