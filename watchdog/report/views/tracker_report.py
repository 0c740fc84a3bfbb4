"""The text with which a breakage is reported to the tracker of the package, in Markdown. Pure."""

from __future__ import annotations

import shlex

from watchdog.facts.tracebacks import logged_exceptions
from watchdog.report.markdown import code_block, escape
from watchdog.report.views import wording
from watchdog.report.views.history import CauseView, PastBreakageView
from watchdog.report.views.wording import breakage_page

_LONGEST_PROGRAM = 120
"""Lines of a program that is still shown; a longer one is no help."""


def tracker_report(breakage: PastBreakageView, program: str | None, url: str | None) -> str:
    """Return what a maintainer asks for: program, versions, error, cause, what works.

    Args:
        breakage: the one to report.
        program: the smallest program that shows its first error; None if there is none.
        url: address of the site, with a slash at its end; None if it is not known.
    """
    first = breakage.causes[0]
    lines = [f"### {escape(breakage.error)}", "", escape(breakage.verdict), ""]
    lines += _reproduction(first, program)
    if output := _traceback(first):
        lines += ["The traceback:", "", code_block(output), ""]
    if first.culprit:
        lines += [f"It began with {first.culprit} on {wording.instant(first.since)}.", ""]
        if first.last_good:
            lines += [f"The release before it is {first.last_good}; {first.proof}.", ""]
    if first.warned:
        lines += [f"It was announced: “{escape(first.warned[1])}”", ""]
    if breakage.cure:
        lines += ["With this it works:", "", code_block(breakage.cure), ""]
    if url:
        lines += [f"When, and the proof: {url}{breakage_page(breakage.id)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _reproduction(cause: CauseView, program: str | None) -> list[str]:
    """Return how to see the error: the versions, then the program."""
    lines = []
    if cause.breaks:
        install = f"python -m pip install --no-deps {shlex.join(cause.breaks)}"
        lines += [f"To see it, on Python {cause.python}:", "", code_block(install), ""]
    if program and program.count("\n") < _LONGEST_PROGRAM:
        lines += ["and run:", "", code_block(program, "python"), ""]
    return lines


def _traceback(cause: CauseView) -> str:
    """Return the traceback of the failure, without the lines of the watchdog; empty if unknown."""
    logged = list(logged_exceptions(cause.log))
    own = [e for e in logged if (e.ended(cause.test) if cause.test else e.of_probe)]
    if not own:
        return ""
    lines = ["Traceback (most recent call last):"]
    for frame in own[-1].frames:
        if not frame.file.endswith("probe.py") and not frame.file.startswith("<frozen"):
            lines.append(f'  File "{frame.file}", in {frame.function}')
            lines += [f"    {frame.code}"] if frame.code else []
    return "\n".join([*lines, own[-1].text])
