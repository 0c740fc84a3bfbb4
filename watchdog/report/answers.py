"""Builds a page's content as JSON and as Markdown, for programs that answer people. Pure.

They stand beside the page at the same address with another ending. What packages wrote is escaped
in Markdown, so that no text of theirs is a heading, a link or a mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from watchdog.matrix.schema import Matrix
from watchdog.report.api import (
    VERSION,
    Broken,
    Cured,
    Suite,
    Threat,
    broken,
    cured,
    data_text,
    schema_text,
    suite,
    threat,
)
from watchdog.report.content import Views
from watchdog.report.cure_text import cure_texts, was_run
from watchdog.report.error_answer import ErrorAnswer, error_answer, error_markdown
from watchdog.report.markdown import code_block, escape
from watchdog.report.views import wording
from watchdog.report.views.breakages import TodayView, without_cure
from watchdog.report.views.front import FreshView, SiteView
from watchdog.report.views.history import CauseView, PastBreakageView
from watchdog.report.views.subject import SubjectView
from watchdog.report.views.tail import TailPage
from watchdog.report.views.wording import breakage_page

# The names of these classes and fields, and their docstrings, are published in the schemas.


@dataclass(frozen=True, kw_only=True)
class Announced:
    """When something was first seen to be announced, and the announcement."""

    seen: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class CauseAnswer:
    """One of the successive causes of a breakage.

    Attributes:
        culprit: the release; null where none was found.
        last_good: the release before it.
        proof: how the culprit was shown.
        release: where the page of the culprit is, relative to the site.
        breaks: the first set that was seen to fail so.
    """

    error: str
    since: datetime
    culprit: str | None
    last_good: str | None
    proved: bool
    proof: str
    missing: str | None
    announced: Announced | None
    release: str | None
    breaks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command for one installer."""

    installer: str
    typed: str


@dataclass(frozen=True, kw_only=True)
class FreshInstall:
    """A fresh install of today, which was run and works."""

    commands: tuple[Command, ...]
    pythons: tuple[str, ...]
    checked: datetime


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page of this site or of a project, and its title."""

    title: str
    page: str


@dataclass(frozen=True, kw_only=True)
class BreakageAnswer:
    """`breakages/ID.json`: one breakage of the history, as its page shows it.

    Attributes:
        verdict: what happened, in a sentence or two.
        uses: the tested uses that failed, in words; empty if nothing could be imported.
        ended: null while it goes on; exact_end: false if it was over at that time at the latest.
        cure: a command that was run and works with the version that broke; null if none is known.
        today: commands that were run and work today, if it goes on.
        fresh_install: what works today, if it is over.
        works: the last set before it in which every tested use passed.
        also_broken: other subjects that the same release broke.
    """

    id: str
    page: str
    error: str
    verdict: str
    subject: str
    who: str
    severity: str
    uses: tuple[str, ...]
    python: str
    began: datetime
    ended: datetime | None
    exact_end: bool
    goes_on: bool
    how_fixed: str | None
    causes: tuple[CauseAnswer, ...]
    cure: Cured | None
    today: tuple[Cured, ...]
    fresh_install: FreshInstall | None
    works: tuple[str, ...]
    also_broken: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)
class EarlierBreakage:
    """A breakage of the history, in short."""

    id: str
    page: str
    error: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class SubjectAnswer:
    """`subjects/NAME.json`: one subject, as its page shows it.

    Attributes:
        verdict: what a fresh install of today gives, in a sentence.
        version, released: its newest release; null if no run has read it.
        links: home page, repository, changelog and others, as its metadata names them; where a
            tutorial is read or watched.
        successor: what is used instead.
        breakages: of today; history: those of the past, the latest first.
        threats: what will break next.
        feed: address of its feed, relative to the site; null for a package of the long tail.
        evidence: how much shows that it works today, such as `smoke` or `imports`; null if it does
            not work.
        suites: its own tests, on each Python that they were run on, the newest first.
        how_far: of a tutorial, how far one gets today: a sentence for Pythons that give the same.
    """

    subject: str
    page: str
    title: str
    verdict: str
    version: str | None
    released: datetime | None
    links: tuple[Link, ...]
    successor: str | None
    breakages: tuple[Broken, ...]
    history: tuple[EarlierBreakage, ...]
    threats: tuple[Threat, ...]
    feed: str | None
    evidence: str | None = None
    suites: tuple[Suite, ...] = ()
    how_far: tuple[str, ...] = ()


SCHEMAS: Mapping[str, type[Any]] = {
    "breakage": BreakageAnswer,
    "subject": SubjectAnswer,
    "error": ErrorAnswer,
}
"""The kinds of JSON files beside pages, by the name of their schema in `api/v1`."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The content of a page for programs.

    Attributes:
        page: address of the page within the site.
        data: a value of one of SCHEMAS.
        markdown: the same as text.
    """

    page: str
    data: Any
    markdown: str

    @property
    def stem(self) -> str:
        """The address without its ending; the files are beside the page."""
        return self.page.removesuffix(".html")


def answers(matrix: Matrix, views: Views) -> Iterator[Answer]:
    """Yield the content of every page that has it for programs; nothing before the first run."""
    site = views.site
    if site is None:
        return
    cards = {page: card for card in site.front.on_fresh_installs for page in card.pages}
    for breakage in views.history.breakages:
        fresh = None if breakage.goes_on else site.fresh.get(breakage.subject)
        data = _breakage(views, breakage, cards.get(breakage.id), fresh)
        text = breakage_markdown(data)
        yield Answer(page=data.page, data=data, markdown=text)
        # An address that was published once goes on to answer.
        for old in (old for old, new in views.facts.addresses.moved.items() if new == breakage.id):
            yield Answer(page=breakage_page(old), data=data, markdown=text)
    for view in site.subjects:
        subject = _subject(views, site, view)
        yield Answer(page=subject.page, data=subject, markdown=subject_markdown(subject))
    for page in views.tail.pages if views.tail else ():
        subject = _subject_today(views, page)
        yield Answer(page=subject.page, data=subject, markdown=subject_markdown(subject))
    for error in map(error_answer, views.error_pages):
        text = error_markdown(error, matrix.title(matrix.framework))
        yield Answer(page=error.page, data=error, markdown=text)


def answered_pages(matrix: Matrix, views: Views) -> frozenset[str]:
    """Return the addresses of the pages whose content is there for programs too."""
    return frozenset(answer.page for answer in answers(matrix, views))


def answer_files(matrix: Matrix, every: Iterable[Answer]) -> Iterator[tuple[str, str]]:
    """Yield path within the site and text of the JSON and Markdown files, and of their schemas."""
    adapters: dict[type[Any], TypeAdapter[Any]] = {k: TypeAdapter(k) for k in SCHEMAS.values()}
    for answer in every:
        data = adapters[type(answer.data)].dump_python(answer.data, mode="json")
        yield f"{answer.stem}.json", data_text(matrix, data)
        yield f"{answer.stem}.md", answer.markdown
    for name, kind in SCHEMAS.items():
        schema = adapters[kind].json_schema(mode="serialization")
        yield f"api/{VERSION}/{name}.schema.json", schema_text(matrix, schema)


def _breakage(
    views: Views, b: PastBreakageView, card: TodayView | None, fresh: FreshView | None
) -> BreakageAnswer:
    return BreakageAnswer(
        id=b.id,
        page=breakage_page(b.id),
        error=b.error,
        verdict=b.verdict,
        subject=b.subject,
        who=b.who,
        severity=b.severity,
        uses=b.uses,
        python=b.python,
        began=b.began,
        ended=b.ended,
        exact_end=b.exact_end,
        goes_on=b.goes_on,
        how_fixed=b.how_fixed,
        causes=tuple(_cause(cause, views.releases.pages) for cause in b.causes),
        cure=_cured(b),
        today=tuple(map(cured, card.cures if card else ())),
        fresh_install=_fresh_install(fresh),
        works=b.works,
        also_broken=tuple(Link(title=title, page=breakage_page(id_)) for id_, title in b.victims),
    )


def _cause(cause: CauseView, pages: Mapping[str, str]) -> CauseAnswer:
    return CauseAnswer(
        error=cause.title,
        since=cause.since,
        culprit=cause.culprit,
        last_good=cause.last_good,
        proved=cause.proved,
        proof=cause.proof,
        missing=cause.missing,
        announced=Announced(seen=cause.warned[0], text=cause.warned[1]) if cause.warned else None,
        release=pages.get(cause.culprit) if cause.culprit else None,
        breaks=cause.breaks,
    )


def _cured(b: PastBreakageView) -> Cured | None:
    if b.cure is None or b.cure_checked is None or b.cure_python is None:
        return None
    return Cured(typed=b.cure, pythons=(b.cure_python,), checked=b.cure_checked)


def _fresh_install(fresh: FreshView | None) -> FreshInstall | None:
    if fresh is None:
        return None
    commands = tuple(Command(installer=name, typed=typed) for name, typed in fresh.typed)
    return FreshInstall(commands=commands, pythons=fresh.pythons, checked=fresh.as_of)


def _subject(views: Views, site: SiteView, view: SubjectView) -> SubjectAnswer:
    head = views.heads[view.subject]
    risks = views.forecast.next if views.forecast else ()
    return replace(
        _subject_today(views, view),
        successor=head.successor,
        breakages=tuple(broken(card, site.front.as_of) for card in view.breakages),
        history=tuple(
            EarlierBreakage(id=b.id, page=breakage_page(b.id), error=b.error, verdict=b.verdict)
            for b in views.history.breakages
            if b.subject == view.subject
        ),
        threats=tuple(threat(risk) for risk in risks if risk.subject == view.subject),
        feed=head.feed,
        suites=tuple(map(suite, views.suites_of.get(view.subject, ()))),
        how_far=view.chapters.sentences if view.chapters else (),
    )


def _subject_today(views: Views, view: SubjectView | TailPage) -> SubjectAnswer:
    """Return what is known of any subject: what a fresh install gives; no past, and no future."""
    head = views.heads[view.subject]
    return SubjectAnswer(
        subject=view.subject,
        page=f"subjects/{view.subject}.html",
        title=view.title,
        verdict=view.sentence,
        version=head.version,
        released=head.released,
        links=tuple(Link(title=kind, page=url) for kind, url in head.links),
        successor=None,
        breakages=(),
        history=(),
        threats=(),
        feed=None,
        evidence=view.level or None,
    )


def breakage_markdown(b: BreakageAnswer) -> str:
    """Return a breakage as Markdown."""
    parts = [f"# {escape(b.error)}", escape(b.verdict)]
    if b.uses:
        parts.append(escape(f"What fails: {'; '.join(b.uses)}."))
    if b.today:
        parts += ["## What to type instead", *cure_texts(b.today)]
    elif b.fresh_install:
        parts.append("## If you see this today")
        parts += [
            f"With {escape(command.installer)}:\n\n{code_block(command.typed, 'shell')}"
            for command in b.fresh_install.commands
        ]
        parts.append(was_run(b.fresh_install.checked, b.fresh_install.pythons))
    if b.cure and not b.goes_on:
        parts += [f"## To stay on {escape(b.who)}", *cure_texts([b.cure])]
    parts.append("## When")
    parts.append("\n".join(_timeline(b)))
    parts.append("## Proof")
    if b.works:
        every_use = "The last set of versions before it with which every tested use passes:"
        parts.append(f"{every_use}\n\n{code_block(' '.join(b.works))}")
    for cause in b.causes:
        culprit = f"{cause.culprit} is the cause ({cause.proof})." if cause.culprit else cause.proof
        parts.append(escape(f"{cause.error}. {culprit}"))
        if cause.breaks:
            parts.append(f"The set that breaks:\n\n{code_block(' '.join(cause.breaks))}")
    if b.also_broken:
        names = ", ".join(_link(link, "../") for link in b.also_broken)
        parts.append(f"The same release also broke {names}.")
    parts.append(f"[The page]({b.id}.html), with logs and how to reproduce it.")
    return "\n\n".join(parts) + "\n"


def _timeline(b: BreakageAnswer) -> Iterator[str]:
    for cause in b.causes:
        if cause.announced:
            seen = wording.date(cause.announced.seen)
            yield f"- {seen}: announced: {escape(cause.announced.text)}"
    for number, cause in enumerate(b.causes):
        by = escape(cause.culprit) if cause.culprit else "no single release was found"
        if cause.release:
            by = f"[{by}](../{cause.release})"
        yield f"- {wording.instant(cause.since)}: {'then' if number else 'broken'} by {by}"
    if b.goes_on:
        yield "- Not fixed yet."
    elif b.ended and b.exact_end:
        fixed = b.how_fixed or "It works again; which release fixed it was not found."
        yield f"- {wording.instant(b.ended)}: {escape(fixed)}"
    elif b.ended:
        works = "It works in the run of this day; which release fixed it is not known yet."
        yield f"- {wording.date(b.ended)}: {works}"


def subject_markdown(s: SubjectAnswer) -> str:
    """Return a subject as Markdown."""
    parts = [f"# {escape(s.title)}", escape(s.verdict), *map(escape, s.how_far)]
    if s.evidence:
        parts.append(f"Evidence: {escape(s.evidence)}.")
    if s.version and s.released:
        parts.append(f"Newest release: {escape(s.version)}, {wording.date(s.released)}.")
    if s.successor:
        parts.append(f"People use instead: {escape(s.successor)}.")
    if s.links:
        parts.append("\n".join(f"- {escape(link.title)}: <{link.page}>" for link in s.links))
    parts += [escape(f"Its own tests on Python {own.python}: {own.verdict}.") for own in s.suites]
    for b in s.breakages:
        where = f"{b.severity} on Python {', '.join(b.pythons)}"
        parts += [f"## {escape(b.title or b.symptom)}", escape(f"{s.title} {where}.")]
        if b.since:
            by = f", because of {', then '.join(b.causes)}" if b.causes else ""
            parts.append(escape(f"Since {wording.date(b.since)}{by}."))
        parts += cure_texts(b.cures)
        no_cure = without_cure(b.pythons, b.cures, b.nothing_works_on, b.tried)
        parts += [escape(sentence) for sentence in no_cure]
    if s.threats:
        parts.append("## Next to break")
        parts.append(
            "\n".join(
                f"- {escape(t.symbol)}: {escape(t.when)}. {escape(t.text)}" for t in s.threats
            )
        )
    if s.history:
        parts.append("## Breakages of the past")
        parts.append(
            "\n".join(
                f"- [{escape(b.error)}](../breakages/{b.id}.md): {escape(b.verdict)}"
                for b in s.history
            )
        )
    parts.append(f"[The page]({s.subject}.html), with every combination that was run.")
    return "\n\n".join(parts) + "\n"


def _link(link: Link, root: str) -> str:
    return f"[{escape(link.title)}]({root}{link.page})"
