"""What the forecast would have said before each breakage of the history, and how often rightly.

Recall: of the breakages that a package of the stack began, how many were foretold by a warning
that was raised while the smoke ran, by the source of the subject, or by a prerelease. Precision:
where something was announced, in use, and then taken away by a release, how often that release
really broke the subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from packaging.version import Version

from watchdog import replay, risk, timeline
from watchdog.archive import Archive
from watchdog.blame import Case
from watchdog.desk import Desk, Observer, at, together
from watchdog.forecast import Reading, offered, read
from watchdog.index import just_after
from watchdog.model import Lock, Question
from watchdog.risk import Kind, Risk
from watchdog.score import Alarm, Foretold, Score
from watchdog.timeline import History, PastBreakage
from watchdog.workplace import Workplace

_DAY = timedelta(days=1)


def score(workplace: Workplace, observer: Observer, archive: Archive) -> Score:
    """Both halves of the back-test over the committed history."""
    histories = [h for s in archive.subjects() if (h := archive.history(s))]
    return at(workplace, observer, partial(_score, histories))


async def _score(histories: Sequence[History], desk: Desk) -> Score:
    matrix = desk.workplace.settings.matrix
    mine = [h for h in histories if not (e := matrix.extensions.get(h.subject)) or not e.install]
    judged = [b for h in mine for b in h.breakages if _of_stack(desk, b)]
    desk.workplace.start_services({b.subject for b in judged})
    desk.observer.stage("What was there to see before each breakage", len(judged))
    foretold = await together(_foretold(desk, b) for b in judged)
    releases = sorted({(b.culprit.name, b.culprit.version, b.broken_from)
                       for b in judged if b.culprit}, key=lambda r: r[2])  # fmt: skip
    first = {(n, v): t for n, v, t in reversed(releases)}
    desk.observer.stage("Whom each of these releases was to break", len(first))
    alarms = await together(
        _alarms(desk, mine, name, version, when) for (name, version), when in first.items()
    )
    known = tuple(f for f in foretold if f)
    return Score(desk.workplace.settings.as_of, known, tuple(a for found in alarms for a in found))


def _of_stack(desk: Desk, breakage: PastBreakage) -> bool:
    by = breakage.culprit
    return (
        by is not None
        and by.name in desk.workplace.settings.matrix.stack
        and by.name != breakage.subject
        and breakage.works is not None
        and breakage.breaks is not None
        and breakage.python in desk.workplace.interpreters
    )


async def _foretold(desk: Desk, breakage: PastBreakage) -> Foretold | None:
    by, works, breaks = breakage.culprit, breakage.works, breakage.breaks
    if by is None or works is None or breaks is None:
        return None
    python, when = breakage.python, breakage.broken_from
    days: dict[str, float] = {}
    why: list[str] = []
    if breakage.warned:
        days["warning"] = (when - breakage.warned[0]) / _DAY
        why.append(f"warned: {breakage.warned[1][:160]}")
    reading = await read(desk, breakage.subject, works, python, when)
    private = False
    if reading is None:
        why.append("its source cannot be had")
    else:
        after = timeline.swapped(works, breaks, [by.name])
        seen, lost_private = await _taken_away(desk, reading, by.name, python, when, after)
        private = bool(lost_private)
        if seen:
            since = await _announced_since(desk, by.name, by.version, seen, when)
            days["scan"] = (when - since) / _DAY
            why.append("in its source: " + ", ".join(sorted({r.symbol for r in seen})[:3]))
        elif lost_private:
            why.append(f"private names that went away: {', '.join(sorted(lost_private)[:3])}")
    early = await _on_prerelease(desk, breakage, works)
    if early is not None:
        days["prerelease"] = (when - early) / _DAY
        why.append("a prerelease failed alike")
    desk.observer.advance()
    told = "; ".join(why) or f"nothing announced it: {breakage.symptom[:160]}"
    return Foretold(
        breakage.id, breakage.subject, f"{by.name} {by.version}",
        {k: round(v, 1) for k, v in days.items()}, private, told,
    )  # fmt: skip


async def _taken_away(
    desk: Desk, mine: Reading, package: str, python: str, when: datetime, after: Lock
) -> tuple[list[Risk], set[str]]:
    """The announced uses that a release takes away, and the private names among the others."""
    version = mine.lock.version(package)
    if version is None:
        return [], set()
    old = await offered(desk, package, [mine], python, mine.lock, when)
    new = await offered(desk, package, [mine], python, after, just_after(when))
    held = {package: version}
    announced = list(risk.of_uses(mine.subject, mine.version, mine.uses, old, held))
    taken = list(risk.of_uses(mine.subject, mine.version, mine.uses, new, held))
    gone = {r.symbol for r in taken if r.kind is Kind.GONE}
    private = {s for s in gone if (offer := old.get(s)) and offer.offered and offer.private}
    return [r for r in announced if r.kind is Kind.ANNOUNCED and r.symbol in gone], private


async def _announced_since(
    desk: Desk, package: str, version: str, risks: Sequence[Risk], when: datetime
) -> datetime:
    """When the first of these announcements was published: the release that began to make it."""
    page = desk.workplace.index.page(package)
    firsts: dict[tuple[int, ...], tuple[Version, datetime]] = {}
    for release in page.releases(when) if page else ():
        if release.final and release.uploaded and release.version < Version(version):
            series = release.version.release[:2]
            firsts.setdefault(series, (release.version, release.uploaded))
    since, uses = when, [risk.as_use(r.symbol) for r in risks]
    # From the newest backwards, the first of each series, while it announces.
    for first, uploaded in reversed(firsts.values()):
        cutoff = just_after(uploaded)
        python = replay.newest_python(list(desk.workplace.interpreters), cutoff)
        lock = await desk.lock(Question((f"{package}=={first}",), python, cutoff))
        if not isinstance(lock, Lock):
            break
        interpreter = desk.workplace.interpreters[python]
        ask = partial(desk.workplace.surface.offers, lock, interpreter, cutoff, uses)
        if not any(offer.deprecated for offer in (await desk.aside(ask)).values()):
            break
        since = uploaded
    return since


async def _on_prerelease(desk: Desk, breakage: PastBreakage, works: Lock) -> datetime | None:
    """When a prerelease that fails alike was published, if there was one."""
    by = breakage.culprit
    page = desk.workplace.index.page(by.name) if by else None
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
    requirements = desk.workplace.settings.matrix.requirements(breakage.subject)
    case = Case(desk, breakage.subject, requirements)
    swapped = Lock(tuple((n, str(newest.version) if n == by.name else v) for n, v in works.pins))
    moment = await case.see(swapped, breakage.python, breakage.broken_from)
    return newest.uploaded if breakage.signature in moment.fails else None


async def _alarms(
    desk: Desk, histories: Sequence[History], package: str, version: str, when: datetime
) -> list[Alarm]:
    """Every subject that used what this release took away after announcing it."""
    tried = await together(_alarm(desk, h, package, version, when) for h in histories)
    desk.observer.advance()
    return [alarm for alarm in tried if alarm]


async def _alarm(
    desk: Desk, history: History, package: str, version: str, when: datetime
) -> Alarm | None:
    subject = history.subject
    requirements = desk.workplace.settings.matrix.requirements(subject)
    python = replay.newest_python(list(desk.workplace.interpreters), when)
    before = await desk.lock(Question(requirements, python, when))
    after = await desk.lock(Question(requirements, python, just_after(when)))
    if not isinstance(before, Lock) or not isinstance(after, Lock):
        return None
    # What is capped, or already fails as a whole, is not exposed to this release.
    if before.version(package) == version or after.version(package) != version:
        return None
    if any(b.broken_from < when < (b.fixed_on or when + _DAY) for b in history.breakages):
        return None
    reading = await read(desk, subject, before, python, when)
    if reading is None:
        return None
    seen, _ = await _taken_away(desk, reading, package, python, when, after)
    if not seen:
        return None
    broken = any(
        b.culprit and (b.culprit.name, b.culprit.version) == (package, version)
        for b in history.breakages
    )
    symbols = tuple(sorted({r.symbol for r in seen}))
    return Alarm(subject, f"{package} {version}", symbols, broken)
