"""Scores the forecast against the history: `nox -s forecast-score`.

Recall: of the breakages caused by a package of the stack, how many were predicted by a warning that
was raised while the smoke ran, by the source of the subject, or by a prerelease. Precision: of the
uses that were announced to go and then removed by a release, how many really broke their subject.
Writes forecast-score.json into the reports folder; the page about the method shows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import click
from packaging.version import Version

from watchdog.analysis.forecast.forecast import (
    Reading,
    group_by_version,
    offers_used,
    query_offers,
    read_subject,
    smallest_lock,
)
from watchdog.analysis.forecast.risks import Offer, as_use, risks_of_uses, risks_of_warnings
from watchdog.analysis.history import replay, timeline
from watchdog.analysis.history.bisect import Experiment
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import options
from watchdog.model.history import History, PastBreakage, Snapshot
from watchdog.model.lock import Lock, LockRequest, swap_versions
from watchdog.report.views.forecast import score_lines
from watchdog.resolver.simple_api import just_after
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.storage.archive import Archive
from watchdog.storage.files import write_atomic
from watchdog.storage.forecast import Kind, Risk
from watchdog.storage.forecast_score import Alarm, PredictedBreakage, Score, score_json

_DAY = timedelta(days=1)


@click.command()
@options()
def main(settings: Settings) -> None:
    """Score the forecast against every breakage of the stored history."""
    own = replace(settings, reports=settings.reports / "past" / "score")
    with open_workspace(own) as workspace, observe(stderr_console(), settings.matrix) as observer:
        score = score_forecast(workspace, observer, Archive(settings.reports))
    write_atomic(settings.reports / "forecast-score.json", score_json(score).encode())
    for words, number in score_lines(score, settings.matrix.core_names).items():
        click.echo(f"{number:>20}  {words}")


def score_forecast(workspace: Workspace, observer: Observer, archive: Archive) -> Score:
    """Return recall and precision over the stored history."""
    histories = [h for s in archive.subjects() if (h := archive.history(s))]
    return run_with_scheduler(workspace, observer, partial(_score, histories))


async def _score(histories: Sequence[History], scheduler: Scheduler) -> Score:
    matrix = scheduler.workspace.settings.matrix
    mine = [h for h in histories if matrix.is_package(h.subject)]
    each = [(b, h.moments) for h in mine for b in h.breakages if _of_stack(scheduler, b)]
    judged = [b for b, _ in each]
    scheduler.workspace.start_services({b.subject for b in judged})
    scheduler.observer.stage("What was there to see before each breakage", len(judged))
    foretold = await gather(_foretold(scheduler, b, moments) for b, moments in each)
    releases = sorted(
        {(b.culprit.name, b.culprit.version, b.broken_from) for b in judged if b.culprit},
        key=lambda r: r[2],
    )
    first = {(n, v): t for n, v, t in reversed(releases)}
    first |= _series(scheduler, min((h.since for h in mine), default=None))
    scheduler.observer.stage("Whom each of these releases was to break", len(first))
    alarms = []
    for (name, version), when in first.items():
        alarms.append(await _alarms(scheduler, mine, name, version, when))
        scheduler.observer.advance()
    known = tuple(f for f in foretold if f)
    return Score(
        scheduler.workspace.settings.as_of, known, tuple(a for found in alarms for a in found)
    )


def _series(scheduler: Scheduler, since: datetime | None) -> dict[tuple[str, str], datetime]:
    """The first release of each series of the stack: what takes away is a feature release."""
    found: dict[tuple[str, str], datetime] = {}
    for name in scheduler.workspace.settings.matrix.stack_names if since else ():
        page = scheduler.workspace.index.page(name)
        seen: set[tuple[int, ...]] = set()
        for release in page.releases(scheduler.workspace.settings.as_of) if page else ():
            series = release.version.release[:2]
            if release.final and release.uploaded and series not in seen:
                seen.add(series)
                if since and release.uploaded > since:
                    found[name, str(release.version)] = release.uploaded
    return found


def _of_stack(scheduler: Scheduler, breakage: PastBreakage) -> bool:
    by = breakage.culprit
    return (
        by is not None
        and by.name in scheduler.workspace.settings.matrix.stack_names
        and by.name != breakage.subject
        and breakage.works is not None
        and breakage.breaks is not None
        and breakage.python in scheduler.workspace.interpreters
    )


async def _foretold(
    scheduler: Scheduler, breakage: PastBreakage, moments: Sequence[Snapshot]
) -> PredictedBreakage | None:
    by, works, breaks = breakage.culprit, breakage.works, breakage.breaks
    if by is None or works is None or breaks is None:
        return None
    python, when = breakage.python, breakage.broken_from
    days: dict[str, float] = {}
    why: list[str] = []
    reading = await read_subject(scheduler, breakage.subject, works, python, when)
    if warned := breakage.warned or (
        reading and await _warned(scheduler, breakage, reading, moments)
    ):
        days["warning"] = (when - warned[0]) / _DAY
        why.append(f"warned: {warned[1][:160]}")
    private = False
    if reading is None:
        why.append("its source cannot be had")
    else:
        after = swap_versions(works, breaks, [by.name])
        seen, lost_private = await _taken_away(scheduler, reading, by.name, python, when, after)
        private = bool(lost_private)
        if seen:
            since = await _announced_since(scheduler, by.name, by.version, seen, when)
            days["scan"] = (when - since) / _DAY
            why.append("in its source: " + ", ".join(sorted({r.symbol for r in seen})[:3]))
        elif lost_private:
            why.append(f"private names that went away: {', '.join(sorted(lost_private)[:3])}")
    early = await _on_prerelease(scheduler, breakage, works)
    if early is not None:
        days["prerelease"] = (when - early) / _DAY
        why.append("a prerelease failed alike")
    scheduler.observer.advance()
    told = "; ".join(why) or f"nothing announced it: {breakage.symptom[:160]}"
    return PredictedBreakage(
        breakage.id,
        breakage.subject,
        f"{by.name} {by.version}",
        {k: round(v, 1) for k, v in days.items()},
        private,
        told,
    )


async def _warned(
    scheduler: Scheduler, breakage: PastBreakage, mine: Reading, moments: Sequence[Snapshot]
) -> tuple[datetime, str] | None:
    """The announcement that the smoke met before, of the very thing that then failed.

    That is where the line that warned is the one that failed, or the name stands in what one saw.
    """
    by = breakage.culprit
    if by is None:
        return None
    workspace, when = scheduler.workspace, breakage.broken_from
    trial = workspace.trial(breakage.subject, mine.lock, breakage.python, when)
    record = await scheduler.record(trial)
    caught = record.evidence[-1].warnings if record.evidence else ()
    held = {by.name: by.last_good}
    for each in risks_of_warnings(mine.subject, mine.version, caught, mine.modules, held):
        name = each.symbol.rsplit(".", 1)[-1]
        line = f'{each.file}", line {each.line},'
        if line in breakage.log or re.search(rf"\b{re.escape(name)}\b", breakage.symptom):
            page = workspace.index.page(by.name)
            files = page.files(by.last_good, when) if page else ()
            first = min((f.uploaded for f in files if f.uploaded), default=when)
            return timeline.first_announcement(moments, when, name) or (first, each.text)
    return None


async def _taken_away(
    scheduler: Scheduler, mine: Reading, package: str, python: str, when: datetime, after: Lock
) -> tuple[list[Risk], set[str]]:
    """The announced uses that a release takes away, and the private names among the others."""
    old = await offers_used(scheduler, package, [mine], python, mine.lock, when)
    new = await offers_used(scheduler, package, [mine], python, after, just_after(when))
    gone = {r.symbol for r in _found(mine, package, new) if r.kind is Kind.GONE}
    private = {s for s in gone if (offer := old.get(s)) and offer.offered and offer.private}
    return [r for r in _announced(mine, package, old) if r.symbol in gone], private


def _found(mine: Reading, package: str, offers: Mapping[str, Offer]) -> list[Risk]:
    held = {package: mine.lock.version(package) or ""}
    return list(risks_of_uses(mine.subject, mine.version, mine.uses, offers, held))


def _announced(mine: Reading, package: str, offers: Mapping[str, Offer]) -> list[Risk]:
    return [r for r in _found(mine, package, offers) if r.kind is Kind.ANNOUNCED]


async def _announced_since(
    scheduler: Scheduler, package: str, version: str, risks: Sequence[Risk], when: datetime
) -> datetime:
    """When the first of these announcements was published: the release that began to make it."""
    page = scheduler.workspace.index.page(package)
    firsts: dict[tuple[int, ...], tuple[Version, datetime]] = {}
    for release in page.releases(when) if page else ():
        if release.final and release.uploaded and release.version < Version(version):
            series = release.version.release[:2]
            firsts.setdefault(series, (release.version, release.uploaded))
    since, uses = when, [as_use(r.symbol) for r in risks]
    # From the newest backwards, the first of each series, while it announces.
    for first, uploaded in reversed(firsts.values()):
        cutoff = just_after(uploaded)
        python = replay.newest_python(list(scheduler.workspace.interpreters), cutoff)
        lock = await scheduler.lock(LockRequest((f"{package}=={first}",), python, cutoff))
        if not isinstance(lock, Lock):
            break
        offers = await query_offers(scheduler, lock, python, cutoff, uses)
        if not any(offer.deprecated for offer in offers.values()):
            break
        since = uploaded
    return since


async def _on_prerelease(
    scheduler: Scheduler, breakage: PastBreakage, works: Lock
) -> datetime | None:
    """When a prerelease that fails alike was published, if there was one."""
    by = breakage.culprit
    page = scheduler.workspace.index.page(by.name) if by else None
    if by is None or page is None:
        return None
    releases = [
        r
        for r in page.releases(breakage.broken_from)
        if r.version.is_prerelease and r.uploaded and r.version > Version(by.last_good)
    ]
    if not releases:
        return None
    newest = max(releases, key=lambda r: r.version)
    requirements = scheduler.workspace.settings.matrix.requirements(breakage.subject)
    case = Experiment(scheduler, breakage.subject, requirements)
    swapped = Lock(tuple((n, str(newest.version) if n == by.name else v) for n, v in works.pins))
    moment = await case.observe_lock(swapped, breakage.python, breakage.broken_from)
    return newest.uploaded if breakage.signature in moment.fails else None


async def _alarms(
    scheduler: Scheduler, histories: Sequence[History], package: str, version: str, when: datetime
) -> list[Alarm]:
    """Every subject that used what this release took away after announcing it."""
    python = replay.newest_python(list(scheduler.workspace.interpreters), when)
    exposed = [h for h in histories if _exposed(h, package, when)]
    found = await gather(_before(scheduler, h, package, version, python, when) for h in exposed)
    mine = {r.subject: r for r in found if r}
    announced: dict[str, set[str]] = {}
    for same in group_by_version(mine.values(), package).values():
        old = await offers_used(scheduler, package, same, python, smallest_lock(same), when)
        for reading in same:
            if symbols := {r.symbol for r in _announced(reading, package, old)}:
                announced[reading.subject] = symbols
    afters = await gather(_after(scheduler, s, package, version, python, when) for s in announced)
    later = {s: lock for s, lock in zip(announced, afters, strict=True) if lock}
    if not later:
        return []
    lock = min(later.values(), key=lambda lock: (len(lock.pins), lock.pins))
    readings = [mine[s] for s in later]
    new = await offers_used(scheduler, package, readings, python, lock, just_after(when))
    alarms = []
    for reading in readings:
        gone = {r.symbol for r in _found(reading, package, new) if r.kind is Kind.GONE}
        if taken := sorted(announced[reading.subject] & gone):
            history = next(h for h in exposed if h.subject == reading.subject)
            alarms.append(_alarm(history, package, version, taken))
    return alarms


def _exposed(history: History, package: str, when: datetime) -> bool:
    """Whether a subject ever had the package, and was not broken already."""
    had = any(m.lock and m.lock.version(package) for m in history.moments)
    broken = any(b.broken_from < when < (b.fixed_on or when + _DAY) for b in history.breakages)
    return had and history.subject != package and not broken


async def _before(
    scheduler: Scheduler, history: History, package: str, version: str, python: str, when: datetime
) -> Reading | None:
    requirements = scheduler.workspace.settings.matrix.requirements(history.subject)
    lock = await scheduler.lock(LockRequest(requirements, python, when))
    if not isinstance(lock, Lock) or lock.version(package) in (None, version):
        return None
    return await read_subject(scheduler, history.subject, lock, python, when)


async def _after(
    scheduler: Scheduler, subject: str, package: str, version: str, python: str, when: datetime
) -> Lock | None:
    """The lock that holds the release; None where the subject does not let it in."""
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, just_after(when)))
    return lock if isinstance(lock, Lock) and lock.version(package) == version else None


def _alarm(history: History, package: str, version: str, symbols: Sequence[str]) -> Alarm:
    broken = any(
        b.culprit and (b.culprit.name, b.culprit.version) == (package, version)
        for b in history.breakages
    )
    return Alarm(history.subject, f"{package} {version}", tuple(symbols), broken)


if __name__ == "__main__":
    main()
