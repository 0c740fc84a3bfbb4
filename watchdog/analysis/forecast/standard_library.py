"""Finds what the field uses of Python itself that is gone, or announced to go.

Which modules a Python has, and whether it has a name, each Python of this machine is asked. What
the newest lacks counts as removed only if an older one here has it: so what belongs to another
system, or is wrong in the source, is no removal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.readings import Reading, query_offers
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.environments.interpreters import standard_modules
from watchdog.model.lock import Lock
from watchdog.model.python_series import PYTHON
from watchdog.model.release import Interpreter
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.storage.forecast import Kind, Risk

_NOTHING = Lock(())
"""What is installed beside Python when it is asked."""


async def risks_of_python(
    scheduler: Scheduler, readings: Sequence[Reading], python: str
) -> list[Risk]:
    """Return what the subjects use of Python that it no longer has, or announces to remove.

    Args:
        scheduler: asks the Pythons, and reads sources.
        readings: the subjects.
        python: the series that is asked; older ones of this machine are compared with it.
    """
    workspace = scheduler.workspace
    interpreter = workspace.interpreters[python]
    modules = await scheduler.in_thread(
        partial(standard_modules, tuple(workspace.interpreters.values()), workspace.processes)
    )
    uses = await gather(_uses(scheduler, reading, interpreter, modules) for reading in readings)
    offers = await _offers(scheduler, python, [use for own in uses for use in own])
    held = dict.fromkeys(modules, interpreter.version)
    found: list[Risk] = []
    for reading, own in zip(readings, uses, strict=True):
        subject, version = reading.subject, reading.version
        read = risks.risks_of_uses(subject, version, own, offers, held)
        of_subject = [_of_python(risk, interpreter.version) for risk in read]
        # Python names the release in what it removes; other words in a source are advice.
        of_subject = [r for r in of_subject if r.removed_in or r.kind is not Kind.ANNOUNCED]
        if reading.broken:
            # What is gone is why it is broken today; that is reported as a breakage already.
            of_subject = [risk for risk in of_subject if risk.kind is not Kind.GONE]
        if reading.record and reading.record.evidence:
            of_subject += risks.risks_of_python_warnings(
                subject,
                version,
                reading.record.evidence[-1].warnings,
                reading.modules,
                modules,
                interpreter.version,
            )
        found += of_subject
    return found


async def _uses(
    scheduler: Scheduler, reading: Reading, interpreter: Interpreter, modules: frozenset[str]
) -> tuple[SymbolUse, ...]:
    """Return what a subject's own code uses of the standard library."""
    workspace = scheduler.workspace
    as_of = workspace.settings.as_of
    reader = ApiReader(workspace)
    work = partial(reader.uses, reading.subject, reading.version, interpreter, as_of, modules)
    return await scheduler.unless_unavailable(work) or ()


async def _offers(
    scheduler: Scheduler, python: str, uses: Sequence[SymbolUse]
) -> Mapping[str, Offer]:
    """Return what a Python has of these uses, without what no older one here has either."""
    workspace = scheduler.workspace
    as_of = workspace.settings.as_of
    offers = dict(await query_offers(scheduler, _NOTHING, python, as_of, uses))
    lost = {key for key, offer in offers.items() if _is_lost(offer)}
    for older in reversed(workspace.older_pythons(python)):
        asked = [use for use in uses if not lost.isdisjoint(_keys(use))]
        if not asked:
            break
        before = await query_offers(scheduler, _NOTHING, older, as_of, asked)
        for key in lost & before.keys():
            if before[key].offered and not before[key].unknown_keywords:
                offers[key] = replace(offers[key], offered=bool(offers[key].unknown_keywords))
                lost.discard(key)
    return {key: offer for key, offer in offers.items() if key not in lost}


def _is_lost(offer: Offer) -> bool:
    return not offer.offered or bool(offer.unknown_keywords)


def _keys(use: SymbolUse) -> Iterable[str]:
    """Return the keys of the offers about a use: its symbol, and each keyword of a call."""
    keywords = use.keywords if use.how is How.CALL else ()
    return [use.symbol, *(f"{use.symbol}({keyword})" for keyword in keywords)]


def _of_python(risk: Risk, version: str) -> Risk:
    """Return a risk about a module of the standard library as one about Python."""
    text = risk.text
    if risk.kind is Kind.GONE and text.startswith(f"{risk.package} {version} has no "):
        text = f"Python {version} has no {risk.symbol}"
    named = risks.removed_in_python(text)
    return replace(risk, package=PYTHON, package_version=version, text=text, removed_in=named)
