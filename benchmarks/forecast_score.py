"""Scores the forecast against the history: `nox -s forecast-score`.

Recall: of the breakages caused by a package of the stack, how many were predicted by a warning that
was raised while the smoke ran, by the source of the subject, or by a prerelease. Precision: of the
uses whose removal was announced and that a release then removed, how many broke their subject.
A warning, a line of source and a breakage belong together if they are about one symbol of one
package (`facts.announcements`).
Writes forecast-score.json into the reports folder; the page about the method shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import click
from packaging.version import Version

from watchdog.__main__ import run_command
from watchdog.analysis.forecast.readings import (
    Reading,
    group_by_version,
    offers_used,
    query_offers,
    read_subject,
    smallest_lock,
)
from watchdog.analysis.forecast.risks import Offer, as_use, risks_of_uses
from watchdog.analysis.history import replay
from watchdog.analysis.history.bisect import Experiment
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import options
from watchdog.facts.announcements import (
    MissingName,
    announced,
    announces,
    is_same_symbol,
    missing_name,
)
from watchdog.model.history import Culprit, History, PastBreakage, Snapshot
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
    scoring = replace(settings, reports=settings.reports / "past" / "score")
    with (
        open_workspace(scoring) as workspace,
        observe(stderr_console(), settings.matrix) as observer,
    ):
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
    histories = [h for h in histories if matrix.is_package(h.subject)]
    breakages = [
        (b, h.moments) for h in histories for b in h.breakages if _is_of_stack(scheduler, b)
    ]
    scheduler.workspace.start_services({b.subject for b, _ in breakages})
    scheduler.observer.stage("Looking for what announced each breakage", len(breakages))
    predictions = await gather(_predict(scheduler, b, moments) for b, moments in breakages)
    culprits = [(b.culprit, b.broken_from) for b, _ in breakages if b.culprit]
    releases: dict[tuple[str, str], datetime] = {}
    # From the latest to the earliest: the first breakage of a release sets its instant.
    for culprit, begin in sorted(culprits, key=lambda pair: pair[1], reverse=True):
        releases[culprit.name, culprit.version] = begin
    releases |= _feature_releases(scheduler, min((h.since for h in histories), default=None))
    scheduler.observer.stage(
        "Looking for the subjects that each release should break", len(releases)
    )
    alarms: list[Alarm] = []
    for (name, version), when in releases.items():
        alarms += await _alarms(scheduler, histories, name, version, when)
        scheduler.observer.advance()
    return Score(
        scheduler.workspace.settings.as_of, tuple(p for p in predictions if p), tuple(alarms)
    )


def _feature_releases(
    scheduler: Scheduler, since: datetime | None
) -> dict[tuple[str, str], datetime]:
    """Return the first final release of each series of the stack, with its upload time.

    Names are removed in feature releases.
    """
    if since is None:
        return {}
    workspace = scheduler.workspace
    uploads: dict[tuple[str, str], datetime] = {}
    for name in workspace.settings.matrix.stack_names:
        page = workspace.index.page(name)
        known_series: set[tuple[int, ...]] = set()
        for release in page.releases(workspace.settings.as_of) if page else ():
            series = release.version.release[:2]
            if release.final and release.uploaded and series not in known_series:
                known_series.add(series)
                if release.uploaded > since:
                    uploads[name, str(release.version)] = release.uploaded
    return uploads


def _is_of_stack(scheduler: Scheduler, breakage: PastBreakage) -> bool:
    """Return true if another package of the stack broke the subject and it can be run here."""
    culprit = breakage.culprit
    return (
        culprit is not None
        and culprit.name in scheduler.workspace.settings.matrix.stack_names
        and culprit.name != breakage.subject
        and breakage.works is not None
        and breakage.breaks is not None
        and breakage.python in scheduler.workspace.interpreters
    )


async def _predict(
    scheduler: Scheduler, breakage: PastBreakage, moments: Sequence[Snapshot]
) -> PredictedBreakage | None:
    """Return by what and how many days before it began a breakage was announced."""
    culprit, works, breaks = breakage.culprit, breakage.works, breakage.breaks
    if culprit is None or works is None or breaks is None:
        return None
    python, when = breakage.python, breakage.broken_from
    days: dict[str, float] = {}
    reasons: list[str] = []
    missing = missing_name(breakage)
    reading = await read_subject(scheduler, breakage.subject, works, python, when)
    warning = announced(breakage, moments)
    if not warning and missing and reading is not None:
        warning = await _find_warning(scheduler, breakage, missing, reading)
    if warning:
        days["warning"] = (when - warning[0]) / _DAY
        reasons.append(f"warned: {warning[1][:160]}")
    private: set[str] = set()
    if reading is None:
        reasons.append("its source cannot be had")
    else:
        after = swap_versions(works, breaks, [culprit.name])
        risks, private = await _removed_uses(scheduler, reading, culprit.name, python, when, after)
        risks = [r for r in risks if missing and is_same_symbol(r.symbol, missing)]
        private = {s for s in private if missing and is_same_symbol(s, missing)}
        if risks:
            since = await _announced_since(scheduler, culprit, risks, when)
            days["scan"] = (when - since) / _DAY
            reasons.append("in its source: " + ", ".join(sorted({r.symbol for r in risks})[:3]))
        elif private:
            reasons.append(f"private names that went away: {', '.join(sorted(private)[:3])}")
    prerelease = await _failing_prerelease(scheduler, breakage, works)
    if prerelease is not None:
        days["prerelease"] = (when - prerelease) / _DAY
        reasons.append("a prerelease failed alike")
    scheduler.observer.advance()
    return PredictedBreakage(
        breakage.id,
        breakage.subject,
        f"{culprit.name} {culprit.version}",
        {k: round(v, 1) for k, v in days.items()},
        bool(private),
        "; ".join(reasons) or f"nothing announced it: {breakage.symptom[:160]}",
    )


async def _find_warning(
    scheduler: Scheduler, breakage: PastBreakage, missing: MissingName, reading: Reading
) -> tuple[datetime, str] | None:
    """Return a warning about what went missing that is raised with the last good lock.

    A history does not hold it if it ran fewer sets than there were. It was given at the latest
    since the last good version of the culprit was published.
    """
    culprit = breakage.culprit
    if culprit is None:
        return None
    workspace, when = scheduler.workspace, breakage.broken_from
    trial = workspace.trial(breakage.subject, reading.lock, breakage.python, when)
    record = await scheduler.record(trial)
    caught = record.evidence[-1].warnings if record.evidence else ()
    text = next((w.message for w in caught if announces(w, missing)), None)
    uploaded = _upload_time(scheduler, culprit.name, culprit.last_good, when)
    return (uploaded, text) if text and uploaded < when else None


def _upload_time(scheduler: Scheduler, package: str, version: str, when: datetime) -> datetime:
    """Return when the first file of a version was published; `when` if that is not known."""
    page = scheduler.workspace.index.page(package)
    files = page.files(version, when) if page else ()
    return min((f.uploaded for f in files if f.uploaded), default=when)


async def _removed_uses(
    scheduler: Scheduler, reading: Reading, package: str, python: str, when: datetime, after: Lock
) -> tuple[list[Risk], set[str]]:
    """Return the announced uses that a release removed, and the private names that it removed."""
    old = await offers_used(scheduler, package, [reading], python, reading.lock, when)
    new = await offers_used(scheduler, package, [reading], python, after, just_after(when))
    removed = {r.symbol for r in _risks(reading, package, new) if r.kind is Kind.GONE}
    private = {s for s in removed if (offer := old.get(s)) and offer.offered and offer.private}
    return [r for r in _announced_risks(reading, package, old) if r.symbol in removed], private


def _risks(reading: Reading, package: str, offers: Mapping[str, Offer]) -> list[Risk]:
    versions = {package: reading.lock.version(package) or ""}
    return list(risks_of_uses(reading.subject, reading.version, reading.uses, offers, versions))


def _announced_risks(reading: Reading, package: str, offers: Mapping[str, Offer]) -> list[Risk]:
    return [r for r in _risks(reading, package, offers) if r.kind is Kind.ANNOUNCED]


async def _announced_since(
    scheduler: Scheduler, culprit: Culprit, risks: Sequence[Risk], when: datetime
) -> datetime:
    """Return when the first release that made one of these announcements was published."""
    package, version = culprit.name, culprit.version
    page = scheduler.workspace.index.page(package)
    firsts: dict[tuple[int, ...], tuple[Version, datetime]] = {}
    for release in page.releases(when) if page else ():
        if release.final and release.uploaded and release.version < Version(version):
            series = release.version.release[:2]
            firsts.setdefault(series, (release.version, release.uploaded))
    # The last good version announces, perhaps as the first of its series that does.
    since = _upload_time(scheduler, package, culprit.last_good, when)
    uses = [as_use(r.symbol) for r in risks]
    # From the newest series backwards, as long as the first release of a series announces.
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


async def _failing_prerelease(
    scheduler: Scheduler, breakage: PastBreakage, works: Lock
) -> datetime | None:
    """Return when the newest prerelease was published, if it fails with the same signature."""
    culprit = breakage.culprit
    page = scheduler.workspace.index.page(culprit.name) if culprit else None
    if culprit is None or page is None:
        return None
    releases = [
        r
        for r in page.releases(breakage.broken_from)
        if r.version.is_prerelease and r.uploaded and r.version > Version(culprit.last_good)
    ]
    if not releases:
        return None
    newest = max(releases, key=lambda r: r.version)
    requirements = scheduler.workspace.settings.matrix.requirements(breakage.subject)
    experiment = Experiment(scheduler, breakage.subject, requirements)
    swapped = Lock(
        tuple((n, str(newest.version) if n == culprit.name else v) for n, v in works.pins)
    )
    moment = await experiment.observe_lock(swapped, breakage.python, breakage.broken_from)
    return newest.uploaded if breakage.signature in moment.fails else None


async def _alarms(
    scheduler: Scheduler, histories: Sequence[History], package: str, version: str, when: datetime
) -> list[Alarm]:
    """Return the subjects that used what this release removed after announcing it."""
    python = replay.newest_python(list(scheduler.workspace.interpreters), when)
    exposed = {h.subject: h for h in histories if _is_exposed(h, package, when)}
    before = await gather(
        _read_before(scheduler, subject, package, version, python, when) for subject in exposed
    )
    readings = {r.subject: r for r in before if r}
    at_risk: dict[str, set[str]] = {}
    for group in group_by_version(readings.values(), package).values():
        old = await offers_used(scheduler, package, group, python, smallest_lock(group), when)
        for reading in group:
            if symbols := {r.symbol for r in _announced_risks(reading, package, old)}:
                at_risk[reading.subject] = symbols
    after = await gather(
        _lock_after(scheduler, subject, package, version, python, when) for subject in at_risk
    )
    locks = {s: lock for s, lock in zip(at_risk, after, strict=True) if lock}
    if not locks:
        return []
    lock = min(locks.values(), key=lambda lock: (len(lock.pins), lock.pins))
    users = [readings[subject] for subject in locks]
    new = await offers_used(scheduler, package, users, python, lock, just_after(when))
    alarms = []
    for reading in users:
        removed = {r.symbol for r in _risks(reading, package, new) if r.kind is Kind.GONE}
        if symbols := at_risk[reading.subject] & removed:
            alarms.append(_alarm(exposed[reading.subject], package, version, sorted(symbols)))
    return alarms


def _is_exposed(history: History, package: str, when: datetime) -> bool:
    """Return true if the subject ever had the package and was not broken at that time."""
    had = any(m.lock and m.lock.version(package) for m in history.moments)
    broken = any(b.broken_from < when < (b.fixed_on or when + _DAY) for b in history.breakages)
    return had and history.subject != package and not broken


async def _read_before(
    scheduler: Scheduler, subject: str, package: str, version: str, python: str, when: datetime
) -> Reading | None:
    """Read what the subject used just before the release; None if it had no older release."""
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, when))
    if not isinstance(lock, Lock) or lock.version(package) in (None, version):
        return None
    return await read_subject(scheduler, subject, lock, python, when)


async def _lock_after(
    scheduler: Scheduler, subject: str, package: str, version: str, python: str, when: datetime
) -> Lock | None:
    """Return the subject's lock with the release; None if its requirements exclude it."""
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, just_after(when)))
    return lock if isinstance(lock, Lock) and lock.version(package) == version else None


def _alarm(history: History, package: str, version: str, symbols: Sequence[str]) -> Alarm:
    names = [
        missing_name(b)
        for b in history.breakages
        if b.culprit and (b.culprit.name, b.culprit.version) == (package, version)
    ]
    broken = any(is_same_symbol(symbol, name) for name in names if name for symbol in symbols)
    return Alarm(history.subject, f"{package} {version}", tuple(symbols), broken)


if __name__ == "__main__":
    run_command(main)
