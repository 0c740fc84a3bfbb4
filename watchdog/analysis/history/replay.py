"""The time machine: what an unpinned install gave at any past moment, and what broke it when.

Between two arrivals in the closure of an install its lock cannot change, so the past of a subject
is a walk from arrival to arrival. Each distinct lock is run once; breakages are read off the
timeline, and each beginning is blamed on a release by swapping it in and out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from packaging.version import Version

from watchdog.analysis.history import bisect, timeline
from watchdog.analysis.history.bisect import Experiment
from watchdog.model import history
from watchdog.model.evidence import Trial
from watchdog.model.history import (
    Culprit,
    Effort,
    Fix,
    History,
    Outage,
    PastBreakage,
    Snapshot,
    is_announcement,
    status_key,
    warning_key,
)
from watchdog.model.lock import (
    Conflict,
    Lock,
    LockRequest,
    NoAnswer,
    Resolution,
    Unbuildable,
    changed_packages,
)
from watchdog.model.release import PYTHON_RELEASES, Arrival
from watchdog.model.signature import missing_symbol, signature_id
from watchdog.resolver.simple_api import just_after
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.sandbox.redaction import cut_middle

AUTO = "auto"
_PART = timedelta(days=120)
_LOG = 3000
"""How much of a log a breakage keeps, in characters."""


@dataclass(frozen=True)
class _Step:
    since: datetime
    at: datetime
    python: str
    resolution: Resolution


async def replay(
    scheduler: Scheduler,
    subject: str,
    requirements: tuple[str, ...],
    *,
    since: datetime,
    until: datetime,
    python: str = AUTO,
    earlier: History | None = None,
    most: int | None = None,
    blame_anew: bool = False,
) -> History:
    """The history of a subject, installed with these requirements.

    What is known of an earlier time is taken from there: only what came after is looked at, and
    with `blame_anew` who broke what.
    Of more than `most` sets only some are run; see sampling.
    """
    case, effort = Experiment(scheduler, subject, requirements), Effort()
    start = earlier.until if earlier else since
    scheduler.observer.stage(f"Reading the past of {subject}, in days", (until - start).days)
    series = stretches(list(scheduler.workspace.interpreters), python, start, until)
    steps = await _steps(case, series, effort)
    ran = scheduler.ran
    moments = await _moments(case, steps, most, auto=python == AUTO)
    effort.passed = len(steps) - len(moments)
    if earlier:
        moments = [*earlier.moments, *moments]
    moments = await _on_new_pythons(case, moments)
    known = {_key(b): b for b in earlier.breakages} if earlier else {}
    outages = timeline.find_outages(moments)
    breakages = await gather(_told(case, o, moments, known, anew=blame_anew) for o in outages)
    effort.runs = scheduler.ran - ran
    gaps = tuple(history.gaps(moments, until))
    return History(
        subject=subject,
        python=python,
        since=since,
        until=until,
        breakages=_named(breakages),
        gaps=gaps,
        effort=effort,
        moments=tuple(moments),
    )


def _key(breakage: PastBreakage) -> tuple[object, ...]:
    return (breakage.signature, breakage.test, breakage.breaks, breakage.python)


async def _told(
    case: Experiment,
    outage: Outage,
    moments: Sequence[Snapshot],
    known: Mapping[tuple[object, ...], PastBreakage],
    *,
    anew: bool,
) -> PastBreakage:
    """As it was told before, unless it has ended since."""
    before = known.get((outage.signature, outage.test, outage.bad.lock, outage.bad.python))
    if before is not None and not anew and (before.fixed_on is None) == (outage.fixed is None):
        return before
    found = await _blame(case, outage, moments)
    # Of a moment that was kept its log is not known any more.
    return replace(found, log=found.log or before.log) if before else found


async def _on_new_pythons(case: Experiment, moments: Sequence[Snapshot]) -> list[Snapshot]:
    """What did not build on a new Python, while it went on working on the old one, is broken."""
    found = list(moments)
    for number, (old, new) in enumerate(pairwise(moments), 1):
        if not (new.unbuilt and new.gap) or old.python == new.python or old.gap:
            continue
        if await case.works(old.python, new.at or just_after(new.since)):
            found = timeline.with_build_failures(found, number)
    return found


async def trials(
    scheduler: Scheduler, subject: str, requirements: tuple[str, ...], since: datetime, python: str
) -> list[Trial]:
    """The distinct locks of a case, ready to be run: what the benchmark measures."""
    until = scheduler.workspace.settings.as_of
    steps = await _steps(
        Experiment(scheduler, subject, requirements), [(python, since, until)], Effort()
    )
    found = {
        lock: scheduler.workspace.trial(subject, lock, python, step.at)
        for step in steps
        if isinstance(lock := step.resolution, Lock)
    }
    return list(found.values())


async def _steps(
    case: Experiment, series: Sequence[tuple[str, datetime, datetime]], effort: Effort
) -> list[_Step]:
    walks = await gather(_stretch(case, *stretch, effort) for stretch in series)
    steps = _merged([step for walk in walks for step in walk])
    effort.locks = len({(s.python, s.resolution) for s in steps if isinstance(s.resolution, Lock)})
    return steps


def newest_python(available: Sequence[str], instant: datetime) -> str:
    """The newest Python that was released at an instant, of those that are here."""
    (python, _, _), *_ = stretches(available, AUTO, instant, instant + timedelta(seconds=1))
    return python


def stretches(
    available: Sequence[str], python: str, since: datetime, until: datetime
) -> list[tuple[str, datetime, datetime]]:
    """Which Python a newcomer had when: the newest that was released, of those that are here.

    Before the first of them was released, the first stands in.
    """
    if python != AUTO:
        return [(python, since, until)]
    known = [series for series in available if series in PYTHON_RELEASES]
    begins = [datetime.combine(PYTHON_RELEASES[s], time(), UTC) for s in known]
    begins[0] = min(since, begins[0])
    ends = [*begins[1:], until]
    found = [
        (series, max(since, begin), min(until, end))
        for series, begin, end in zip(known, begins, ends, strict=True)
    ]
    return [stretch for stretch in found if stretch[1] < stretch[2]]


def _parts(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Parts of a stretch that can be walked at the same time."""
    starts = [since]
    while starts[-1] + _PART < until:
        starts.append(starts[-1] + _PART)
    return list(zip(starts, [*starts[1:], until], strict=True))


async def _stretch(
    case: Experiment, python: str, since: datetime, until: datetime, effort: Effort
) -> list[_Step]:
    """All that an install gave on one Python; its parts are walked at the same time.

    Where a part ends on another lock than the next begins with, something was passed by that did
    matter: that part is walked again without passing anything by.
    """
    parts = _parts(since, until)
    walks = await gather(_walk(case, python, a, b, effort) for a, b in parts)
    for number, (walk, following) in enumerate(pairwise(walks)):
        if walk[-1].resolution != following[0].resolution:
            walks[number] = await _walk(case, python, *parts[number], effort, careful=True)
    return [step for walk in walks for step in walk]


async def _walk(
    case: Experiment,
    python: str,
    since: datetime,
    until: datetime,
    effort: Effort,
    *,
    careful: bool = False,
) -> list[_Step]:
    """From arrival to arrival, past those that cannot change the answer."""
    steps: list[_Step] = []
    told = since
    reached: tuple[datetime, datetime] | None = (since, just_after(since))
    while reached is not None and reached[0] < until:
        question = LockRequest(case.requirements, python, reached[1])
        resolution, names = await case.scheduler.lock_and_names(question)
        effort.resolutions += 1
        steps.append(_Step(*reached, python, resolution))
        lock = resolution if isinstance(resolution, Lock) and not careful else None
        reached = _next(case.scheduler, lock, names, python, question.as_of, effort)
        days = ((min(reached[0], until) if reached else until) - told).days
        if days and not careful:
            case.scheduler.observer.advance(days)
            told += timedelta(days=days)
    return steps


def _next(
    scheduler: Scheduler,
    lock: Lock | None,
    names: Iterable[str],
    python: str,
    after: datetime,
    effort: Effort,
) -> tuple[datetime, datetime] | None:
    """The next arrival that may change the answer, and the cutoff at which to look.

    A version below the one in the lock cannot: the resolver prefers the highest, and did not need
    the lower ones. Nor can a prerelease while there are stable releases, nor another file of a
    version that is not in the lock and could be installed before. Without a lock everything may.
    """
    interpreter = scheduler.workspace.interpreters[python]
    pins = dict(lock.pins) if lock else None
    pages = [page for name in names if (page := scheduler.workspace.index.page(name)) is not None]
    nearest: Arrival | None = None
    for page in pages:
        held = Version(pins[page.name]) if pins and page.name in pins else None
        for arrival in page.arrivals(interpreter):
            if arrival.instant < after:
                continue
            if nearest is not None and arrival.instant >= nearest.instant:
                break
            effort.arrivals += 1
            if pins is None or _matters(arrival, held):
                nearest = arrival
                break
    if nearest is None:
        return None
    # Look when the release is whole, unless another one arrives before that.
    others = (
        arrival.instant
        for page in pages
        for arrival in page.arrivals(interpreter)
        if arrival is not nearest
    )
    alone = not any(nearest.instant < other <= nearest.settled for other in others)
    return nearest.instant, just_after(nearest.settled if alone else nearest.instant)


def _matters(arrival: Arrival, held: Version | None) -> bool:
    if held is None:
        return arrival.first and not arrival.version.is_prerelease
    if arrival.version == held:
        return True
    if arrival.version.is_prerelease and not held.is_prerelease:
        return False
    return arrival.first and arrival.version > held


def _merged(steps: Sequence[_Step]) -> list[_Step]:
    """Without steps that changed nothing. A new file for a pin changes the trial, so it stays."""
    kept: list[_Step] = []
    for step in steps:
        same = kept and (kept[-1].python, kept[-1].resolution) == (step.python, step.resolution)
        if not same:
            kept.append(step)
    return kept


async def _moments(
    case: Experiment, steps: Sequence[_Step], most: int | None, *, auto: bool
) -> list[Snapshot]:
    """What was seen at each step, or of very many at some of them."""
    seen: dict[int, Snapshot] = {}
    wanted = spread(len(steps), most)
    while wanted:
        case.scheduler.observer.stage(f"Running the past of {case.subject}", len(wanted))
        found = await gather(_moment(case, steps[number], auto=auto) for number in wanted)
        seen |= zip(wanted, found, strict=True)
        wanted = between(seen)
    return [seen[number] for number in sorted(seen)]


async def _moment(case: Experiment, step: _Step, *, auto: bool) -> Snapshot:
    match step.resolution:
        case Lock() as lock:
            seen = await case.see(lock, step.python, step.at)
            moment = replace(seen, since=step.since)
            early = step.since.date() < PYTHON_RELEASES.get(step.python, date.min)
            if auto and early and moment.fails:
                why = f"fails on Python {step.python}, which came later; no earlier one is here"
                moment = replace(moment, uses={}, gap=why)
        case Conflict(reason) | NoAnswer(reason):
            moment = Snapshot(step.since, step.python, None, gap=reason)
        case Unbuildable(symptom, log):
            why = f"it does not build: {symptom}"
            moment = Snapshot(step.since, step.python, None, gap=why, unbuilt=symptom, log=log)
    case.scheduler.observer.advance()
    return replace(moment, at=step.at)


async def _blame(case: Experiment, outage: Outage, moments: Sequence[Snapshot]) -> PastBreakage:
    """Name the release that began it and the one that ended it."""
    good, bad = outage.good, outage.bad
    culprit, proof, begun = await _begun(case, outage, moments)
    symbol = missing_symbol(outage.symptom)
    lock = bad.lock or good.lock
    version = (lock.version(case.subject) if lock else None) or ""
    fixed = outage.fixed
    return PastBreakage(
        id="",
        subject=case.subject,
        subject_version=version,
        python=bad.python,
        broken_from=begun,
        fixed_on=fixed.since if fixed else None,
        culprit=culprit,
        fixed_by=_fix(case, culprit, outage) if fixed else None,
        stage=outage.stage,
        test=outage.test,
        symptom=outage.symptom,
        missing=symbol,
        proof=proof,
        warned=timeline.first_announcement(moments, bad.since, symbol) if symbol else None,
        signature=outage.signature,
        works=good.lock,
        breaks=bad.lock,
        log=cut_middle(bad.log, _LOG),
    )


async def _begun(
    case: Experiment, outage: Outage, moments: Sequence[Snapshot]
) -> tuple[Culprit | None, str, datetime]:
    """The culprit, the proof, and since when: also of what showed only when another was mended."""
    good, bad = outage.good, outage.bad
    older = _older_python(moments, bad.python) if good.fails else good.python
    if older and older != bad.python:
        released = datetime.combine(PYTHON_RELEASES[bad.python], time(), UTC)
        culprit, proof = await bisect.python_or_not(case, outage, older)
        # Between a Python's release and the first moment that can be judged nothing worked on it.
        if culprit:
            return culprit, proof, released
        if good.python != bad.python:
            return None, proof, max(bad.since, released)
    worked = next((m for m in _before(moments, bad) if m.uses and not m.fails), None)
    return await bisect.explain_outage(case, outage, worked)


def _before(moments: Sequence[Snapshot], moment: Snapshot) -> list[Snapshot]:
    """The moments before one, the last first."""
    return [m for m in reversed(moments) if m.since < moment.since]


def _older_python(moments: Sequence[Snapshot], python: str) -> str | None:
    """The Python of the timeline before this one."""
    order = list(dict.fromkeys(m.python for m in moments))
    return order[order.index(python) - 1] if order.index(python) else None


def _fix(case: Experiment, culprit: Culprit | None, outage: Outage) -> Fix | None:
    before, after = outage.failing.lock, outage.fixed.lock if outage.fixed else None
    if outage.fixed is None or after is None:
        return None
    changes = changed_packages(before, after) if before else [n for n, _ in after.pins]
    arrived = bisect.arrived(case.scheduler, changes, outage.fixed)
    order = sorted(changes, key=lambda n: (n not in arrived, n != case.subject, n))
    if not order:
        return None
    name = order[0]
    if before is None and name not in arrived:
        return None
    pulled_back = (
        culprit is not None
        and culprit.name not in (case.subject, name)
        and (held := after.version(culprit.name)) is not None
        and Version(held) < Version(culprit.version)
    )
    how = "cap" if pulled_back else "release" if name == case.subject else "upstream"
    return Fix(name, after.version(name) or "", how)


def _named(breakages: Sequence[PastBreakage]) -> tuple[PastBreakage, ...]:
    """With stable, readable ids; a second of one name is told apart by its failure."""
    found: dict[str, PastBreakage] = {}
    for each in breakages:
        who = f"{each.subject}-{each.subject_version}".rstrip("-")
        by = each.culprit
        name = f"{who}--{by.name}-{by.version}" if by else f"{who}--{each.broken_from:%Y-%m-%d}"
        if name in found:
            name += f"--{each.test or signature_id(each.symptom)[:6]}"
        found[name] = replace(each, id=name)
    return tuple(found.values())


def spread(count: int, most: int | None) -> list[int]:
    """At most so many (two or more) of the numbers below `count`, evenly, with both ends."""
    if most is None or count <= most:
        return list(range(count))
    return [number * (count - 1) // (most - 1) for number in range(most)]


def between(seen: Mapping[int, Snapshot]) -> list[int]:
    """Where to look next: halfway between any two neighbours that came out differently."""
    return [
        (one + other) // 2
        for one, other in pairwise(sorted(seen))
        if other - one > 1 and _shown(seen[one]) != _shown(seen[other])
    ]


def _shown(moment: Snapshot) -> tuple[object, ...]:
    """What was seen, with what was announced."""
    told = frozenset(warning_key(w) for w in moment.warnings if is_announcement(w))
    return (status_key(moment), moment.skipped, told)
