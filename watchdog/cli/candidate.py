"""The command `candidate`: what would break if this were published?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import click
from packaging.utils import canonicalize_name

from watchdog.analysis import candidate as candidates
from watchdog.analysis import candidate_source
from watchdog.analysis.candidate import Change, Comparison, Effect
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.github_annotations import summarise, table_code
from watchdog.cli.options import Pythons, one_python, options, subjects_of
from watchdog.errors import ExitCode
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner.workspace import Settings, open_workspace


@click.command()
# Both worlds are to be the same: what was published meanwhile is in neither.
@options(python=Pythons.ONE, settled=timedelta(hours=1))
@click.option("--only", multiple=True, metavar="SUBJECT", help="Only these subjects.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
)
@click.argument("what", metavar="WHEEL|PATH|REQUIREMENT|GIT_URL")
def candidate(
    settings: Settings, python: str | None, only: tuple[str, ...], format_: str, what: str
) -> int:
    """What would break if this were published: the whole field with it and without it.

    A wheel, a source tree, git+URL, or a requirement such as werkzeug==3.2.0rc1.
    """
    subjects = subjects_of(settings, only)
    console = stderr()
    with ExitStack() as stack:
        meant = stack.enter_context(candidate_source.resolve_candidate(what))
        observer = stack.enter_context(observe(console, settings.matrix))
        name = canonicalize_name(meant.name)
        with open_workspace(settings) as workspace:
            on = one_python(workspace, python)
            without = candidates.look(workspace, observer, subjects, on, name=name)
        pin, asked = str(meant), settings
        if isinstance(meant, Wheel):
            overlay = stack.enter_context(OverlayIndex(meant, settings.as_of))
            pin, asked = meant.requirement, replace(settings, overlay=overlay.url)
        with open_workspace(asked) as workspace:
            seen = tuple(without)
            with_ = candidates.look(workspace, observer, seen, on, name=name, pin=pin)
    compared = candidates.compare(pin, on, name, without, with_)
    click.echo(_WRITERS[format_](compared), nl=format_ != "json")
    summarise(_markdown(compared))
    if not compared.effects:
        say(console, f"no subject that was looked at has {name} in its set")
    return ExitCode.NEW_BREAKAGE if compared.of(Change.REGRESSED) else ExitCode.NOTHING_NEW


def _json(compared: Comparison) -> str:
    return (
        json.dumps(
            {
                "candidate": compared.candidate,
                "python": compared.python,
                "effects": [
                    {
                        "subject": e.subject,
                        "change": e.change,
                        "failures": dict(e.new_failures),
                        "reason": e.after.reason,
                        "also_changed": list(e.also),
                        "lock": dict(e.after.lock.pins) if e.after.lock else None,
                    }
                    for e in compared.effects
                ],
                "untouched": list(compared.untouched),
            }
        )
        + "\n"
    )


def _line(compared: Comparison) -> str:
    counts = [f"{len(found)} {c}" for c in Change if (found := compared.of(c))]
    return f"{compared.candidate} on Python {compared.python}: " + (", ".join(counts) or "nothing")


_TOLD = (Change.REGRESSED, Change.NOT_INSTALLABLE, Change.FIXED, Change.NOT_JUDGED)


def _told(compared: Comparison) -> Iterator[tuple[Change, Effect, str]]:
    for change in _TOLD:
        for effect in compared.of(change):
            failures = effect.new_failures or effect.after.fails
            words = "; ".join(dict.fromkeys(symptom for _, symptom in failures))
            yield change, effect, words or effect.after.reason or effect.before.reason or ""


def _table(compared: Comparison) -> str:
    lines = [_line(compared)]
    for change, effect, words in _told(compared):
        beside = f" (beside it, {', '.join(effect.also)} changed)" if effect.also else ""
        lines.append(f"{change}: {effect.subject}: {words[:300]}{beside}")
    return "\n".join(lines)


def _markdown(compared: Comparison) -> str:
    lines = [f"### What `{compared.candidate}` would break", "", _line(compared) + ".", ""]
    rows = [
        f"| {change} | {e.subject} | {table_code(words[:300])} |"
        for change, e, words in _told(compared)
    ]
    if rows:
        lines += ["| | subject | what one sees |", "|---|---|---|", *rows]
    else:
        lines.append("Nothing changes for any subject.")
    return "\n".join(lines)


_WRITERS = {"table": _table, "json": _json, "markdown": _markdown}
