"""Who did it: the release whose arrival flips the outcome, proved by swapping it in and out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from watchdog import timeline
from watchdog.desk import Desk, together
from watchdog.index import just_after
from watchdog.model import Lock, Question, Record
from watchdog.timeline import Culprit, Moment, Outage

_MOST_SUSPECTS = 6


@dataclass(frozen=True)
class Case:
    """Whose smoke runs, what is typed after `pip install`, and the desk it is looked up at."""

    desk: Desk
    subject: str
    requirements: tuple[str, ...]

    async def run(self, lock: Lock, python: str, as_of: datetime) -> Record:
        trial = self.desk.workplace.trial(self.subject, lock, python, as_of)
        return await self.desk.record(trial)

    async def at(self, python: str, as_of: datetime, *pins: str) -> Moment:
        """What the requirements, with these pins beside them, give at a cutoff."""
        question = Question((*self.requirements, *pins), python, as_of)
        lock = await self.desk.lock(question)
        if not isinstance(lock, Lock):
            return Moment(as_of, python, None, gap=type(lock).__name__, at=as_of)
        seen = timeline.seen(await self.run(lock, python, as_of), as_of, python)
        return replace(seen, at=as_of)

    async def works(self, python: str, as_of: datetime, *pins: str) -> bool:
        """Whether all uses work then."""
        moment = await self.at(python, as_of, *pins)
        return moment.gap is None and not moment.fails


async def python_or_not(case: Case, outage: Outage) -> tuple[Culprit | None, str]:
    """Where the Python changed in between: it is the culprit if the old one still works then."""
    old, new = outage.good.python, outage.bad.python
    if await case.works(old, outage.bad.at or just_after(outage.bad.since)):
        return Culprit("python", new, old), "swap"
    return None, "undetermined"


async def culprit(case: Case, outage: Outage) -> tuple[Culprit | None, str]:
    """The release that does it alone, proved by the swap; else the pair that does; else nobody."""
    good, bad = outage.good.lock, outage.bad.lock
    if good is None or bad is None:
        return None, "undetermined"
    suspects = timeline.changed(good, bad)
    fresh = arrived(case.desk, suspects, outage.bad)
    suspects.sort(key=lambda n: (n not in fresh, n))
    if len(suspects) == 1 and len(good.pins) == len(bad.pins):
        return _named_culprit(suspects[0], good, bad), "swap"
    for size, proof in ((1, "swap"), (2, "pair")):
        for names in combinations(suspects[:_MOST_SUSPECTS], size):
            if await _swaps(case, outage, good, bad, names):
                return _named_culprit(names[0], good, bad), proof
    return None, "undetermined"


async def _swaps(case: Case, outage: Outage, good: Lock, bad: Lock, names: tuple[str, ...]) -> bool:
    """Whether the good lock with only these fails alike, and the bad one without them as before.

    As before means that it works; where one breakage hid behind another, that it fails as the
    good lock did.
    """
    python, at = outage.bad.python, outage.bad.at or just_after(outage.bad.since)
    forth, back = await together(
        case.run(lock, python, at)
        for lock in (timeline.swapped(good, bad, names), timeline.swapped(bad, good, names))
    )
    failing, working = timeline.seen(forth, at, python), timeline.seen(back, at, python)
    return (
        outage.signature in failing.fails
        and working.gap is None
        and _fails(working, outage.uses) <= _fails(outage.good, outage.uses)
    )


def _fails(moment: Moment, uses: Iterable[str]) -> set[str]:
    seen = (moment.of(use) for use in uses)
    return {sight.signature for sight in seen if sight and sight.signature}


def arrived(desk: Desk, names: Iterable[str], moment: Moment) -> set[str]:
    """Which of these packages had an arrival just before a moment."""
    interpreter = desk.workplace.interpreters[moment.python]
    found: set[str] = set()
    for name in names:
        page = desk.workplace.index.page(name)
        arrivals = page.arrivals(interpreter) if page else []
        if any(a.instant == moment.since for a in arrivals):
            found.add(name)
    return found


def _named_culprit(name: str, good: Lock, bad: Lock) -> Culprit:
    return Culprit(name, bad.version(name) or "", good.version(name) or "")
