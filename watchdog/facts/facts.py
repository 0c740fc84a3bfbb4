"""Everything that is published, derived in one place: today, the past, rules, and their counts.

Page, JSON, feed, badges, issues, terminal and the paste box are all made from these values. Each
points to the records that show it; `audit.py` checks that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.facts.addresses import Addresses, assign_addresses
from watchdog.facts.announcements import announced
from watchdog.facts.downtimes import Cause, Downtime, find_downtimes
from watchdog.facts.ongoing import OngoingBreakage, is_over, ongoing_breakages
from watchdog.facts.titles import title_of
from watchdog.facts.today import (
    Standing,
    SubjectStatus,
    statuses_of_tail,
    statuses_of_today,
)
from watchdog.matrix.schema import Matrix
from watchdog.model.history import Address, CureRecord, Explanation, History
from watchdog.model.verdict import Run, Verdict

TestTitles = Mapping[str, Mapping[str, str]]
"""What each use is, in words: by subject, then by the name of the test function."""


Announcement = tuple[datetime, str]
"""When something was first seen to be announced, UTC, and the text of the warning."""


@dataclass(frozen=True, kw_only=True)
class DowntimeFacts:
    """A downtime as it is published.

    Attributes:
        id: of its page; it never changes.
        title: the error that a user sees first.
        titles: the error of each cause, in turn.
        announcements: for each cause, when it was first seen to be announced, UTC, and the text.
        goes_on: True if its uses fail in the latest run, or at the end of the history where no
            later run judged them.
        over_by: cutoff of the run in which it is over, if the history does not say when it ended.
        cure: what was run to stay on the version that broke.
    """

    downtime: Downtime
    id: str
    title: str
    titles: tuple[str, ...]
    announcements: tuple[Announcement | None, ...]
    goes_on: bool
    over_by: datetime | None
    cure: CureRecord | None

    @property
    def announced(self) -> Announcement | None:
        """When its first cause was announced, UTC, and the text; None if it was not."""
        return self.announcements[0]

    @property
    def subject(self) -> str:
        """The subject that was out of order."""
        return self.downtime.subject

    @property
    def until(self) -> datetime | None:
        """When it was over, UTC, at the latest; None if it goes on."""
        return self.downtime.until or self.over_by


@dataclass(frozen=True, kw_only=True)
class OngoingFacts:
    """A breakage of today as it is published, with the error that a user sees."""

    breakage: OngoingBreakage
    title: str
    pages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is true of one run and of all histories.

    Attributes:
        as_of: cutoff of the run, UTC; None before the first run.
        statuses: fresh installs of each subject today, by name.
        ongoing: breakages of today, of the most downloaded subject first.
        downtimes: the latest first.
        tail: fresh installs of the packages of the long tail, by name; they are counted apart.
    """

    as_of: datetime | None
    statuses: Mapping[str, SubjectStatus]
    ongoing: tuple[OngoingFacts, ...]
    downtimes: tuple[DowntimeFacts, ...]
    addresses: Addresses
    histories: Mapping[str, History]
    tail: Mapping[str, SubjectStatus] = field(default_factory=dict)

    def standing(self, standing: Standing, *, but: str = "") -> tuple[str, ...]:
        """Return the subjects of one number of the headline, without the one named `but`."""
        return tuple(s for s, st in self.statuses.items() if st.standing is standing and s != but)

    @property
    def counts(self) -> Mapping[Standing, int]:
        """How many subjects are counted in each number of the headline."""
        return Counter(status.standing for status in self.statuses.values())

    def of_subject(self, subject: str) -> tuple[OngoingFacts, ...]:
        """Return the breakages of a subject today."""
        return tuple(o for o in self.ongoing if o.breakage.subject == subject)


def derive_facts(
    matrix: Matrix,
    *,
    run: Run | None,
    verdicts: Sequence[Verdict],
    histories: Mapping[str, History],
    explanations: Mapping[tuple[str, str], Explanation],
    cures: Mapping[str, CureRecord],
    published: Sequence[Address],
    titles: TestTitles,
) -> Facts:
    """Return what is true now.

    Args:
        matrix: gives titles and ranks.
        run: the latest run; None before the first.
        verdicts: of that run.
        histories: by subject.
        explanations: of failures of today, by subject and Python.
        cures: of breakages of the past, by id.
        published: every address that was ever published.
        titles: what each use is.
    """
    statuses = statuses_of_today(matrix, verdicts, run.as_of, run.newest) if run else ()
    by_subject = {status.subject: status for status in statuses}
    found = {subject: find_downtimes(history) for subject, history in histories.items()}
    downtimes = [downtime for own in found.values() for downtime in own]
    addresses = assign_addresses(downtimes, published)
    pages = {id(d): page for d, page in zip(downtimes, addresses.pages, strict=True)}
    facts = [
        _downtime_facts(d, pages[id(d)], histories, by_subject, cures, titles) for d in downtimes
    ]
    facts.sort(key=lambda f: (f.downtime.since, f.id), reverse=True)
    ongoing = [
        _ongoing_facts(breakage, pages, titles)
        for status in statuses
        for breakage in ongoing_breakages(
            status,
            found.get(status.subject, ()),
            {p: e for (subject, p), e in explanations.items() if subject == status.subject},
            _last_python(histories.get(status.subject)),
        )
    ]
    ongoing.sort(key=lambda o: (not o.breakage.new, matrix.download_rank(o.breakage.subject)))
    return Facts(
        as_of=run.as_of if run else None,
        statuses=by_subject,
        ongoing=tuple(ongoing),
        downtimes=tuple(facts),
        addresses=addresses,
        histories=histories,
        tail={s.subject: s for s in statuses_of_tail(verdicts, run.as_of, run.newest)}
        if run
        else {},
    )


def _last_python(history: History | None) -> str | None:
    return history.moments[-1].python if history and history.moments else None


def _downtime_facts(
    downtime: Downtime,
    page: str,
    histories: Mapping[str, History],
    statuses: Mapping[str, SubjectStatus],
    cures: Mapping[str, CureRecord],
    titles: TestTitles,
) -> DowntimeFacts:
    status = statuses.get(downtime.subject)
    over = is_over(downtime, status)
    moments = histories[downtime.subject].moments
    own = tuple(_cause_title(cause, titles.get(downtime.subject, {})) for cause in downtime.causes)
    first = downtime.first
    return DowntimeFacts(
        downtime=downtime,
        id=page,
        title=own[0],
        titles=own,
        announcements=tuple(announced(c.breakage, moments) for c in downtime.causes),
        goes_on=downtime.until is None and not over,
        over_by=status.as_of if over and status else None,
        cure=cures.get(first.id),
    )


def _cause_title(cause: Cause, titles: Mapping[str, str]) -> str:
    breakage = cause.breakage
    return title_of(
        breakage.symptom,
        stage=breakage.stage,
        test=breakage.test,
        test_titles=titles,
        log=breakage.log,
    )


def _ongoing_facts(
    breakage: OngoingBreakage, pages: Mapping[int, str], titles: TestTitles
) -> OngoingFacts:
    counts, status = breakage.counts, breakage.status
    symptom, use = status.symptom or "", None
    if counts and counts.failed:
        symptom, use = counts.failed[0].symptom, counts.failed[0].name or None
    return OngoingFacts(
        breakage=breakage,
        title=title_of(
            symptom,
            stage=status.stage,
            test=use,
            test_titles=titles.get(breakage.subject, {}),
            log=status.log,
        ),
        pages=tuple(dict.fromkeys(pages[id(d)] for d in breakage.pages)),
    )
