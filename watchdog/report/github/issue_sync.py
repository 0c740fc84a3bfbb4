"""Which issues a repository should have, beside those it has; an issue a breakage. Pure.

An issue is known by a hidden line in its text, never by its title: people may change that. The
line holds the ids of the breakage; a breakage has two, that of its signature and, as soon as its
history is known, that of its page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from watchdog.model.cell import Table
from watchdog.model.verdict import State
from watchdog.report.api import Broken, Field, History, Past, Today

OVERVIEW = "overview"
_TITLE_LIMIT = 200  # GitHub's is 256
_MARK = re.compile(r"<!-- flask-watchdog (\{.*?\}) -->")


@dataclass(frozen=True)
class IssueMarker:
    """The hidden line of an issue.

    Attributes:
        ids: of the breakage; `overview` for the overview.
        cells: where it breaks: the cells that must work again.
        fixed: whether the watchdog itself closed the issue.
    """

    ids: tuple[str, ...]
    cells: tuple[str, ...] = ()
    fixed: bool = False


@dataclass(frozen=True)
class Issue:
    """An issue of the repository; `number` is None for one that is to be."""

    title: str
    body: str
    open: bool = True
    number: int | None = None

    @property
    def mark(self) -> IssueMarker | None:
        """Its hidden line; None for an issue that is none of ours."""
        found = _MARK.search(self.body)
        if not found:
            return None
        try:
            return _MARKS.validate_json(found[1])
        except ValidationError:
            return None


_MARKS = TypeAdapter(IssueMarker)


@dataclass(frozen=True)
class SiteData:
    """What the site says, read from its files for machines; `url` is where it is."""

    today: Today
    field: Field
    history: History
    url: str | None = None


def plan_changes(site: SiteData, there: Sequence[Issue]) -> tuple[Issue, ...]:
    """What is to be opened or edited so that the issues say what the site says.

    What is right already is not among them. An issue that somebody closed by hand stays closed;
    one that the watchdog closed is opened again when the breakage is back. A run that is doubted
    changes nothing.
    """
    if site.today.doubt:
        return ()
    ours = sorted((i for i in there if i.mark), key=lambda i: i.number or 0)
    changed: list[Issue] = []
    for broken in site.today.breakages:
        ids = _ids(broken)
        same = [i for i in ours if i.mark and set(i.mark.ids) & set(ids)]
        changed += _about(site, broken, same)
    broken_now = {i for broken in site.today.breakages for i in _ids(broken)}
    for issue in ours:
        if issue.mark and not set(issue.mark.ids) & {*broken_now, OVERVIEW} and issue.open:
            changed += _mended(site, issue, issue.mark)
    changed += _overview(site, [i for i in ours if i.mark and OVERVIEW in i.mark.ids])
    return tuple(changed)


def _about(site: SiteData, broken: Broken, same: Sequence[Issue]) -> list[Issue]:
    known = {i: None for issue in same if issue.mark for i in issue.mark.ids}
    cells = tuple(
        f"{subject}/{Table.TODAY.value}/py{python}"
        for subject in broken.subjects
        for python in broken.pythons
    )
    mark = IssueMarker(tuple(known | dict.fromkeys(_ids(broken))), cells)
    first = same[0] if same else None
    ours_to_open = first is None or first.open or bool(first.mark and first.mark.fixed)
    now = Issue(
        title=_title(broken),
        body=_with(_body(site, broken), mark),
        open=ours_to_open,
        number=first.number if first else None,
    )
    changed = [now] if first is None or now != first else []
    # Two of one breakage can only be there after an answer was lost: the older one stays.
    return changed + [_duplicate(other, first) for other in same[1:] if first and other.open]


def _duplicate(issue: Issue, of: Issue) -> Issue:
    mark = issue.mark or IssueMarker(())
    body = _with(f"The same as #{of.number}.", IssueMarker(mark.ids, mark.cells))
    return Issue(issue.title, body, open=False, number=issue.number)


def _mended(site: SiteData, issue: Issue, mark: IssueMarker) -> list[Issue]:
    """Closed where every cell that broke works; what was not judged again stays as it is."""
    states = {cell.cell: cell.state for cell in site.field.cells}
    now = [states[cell] for cell in mark.cells if cell in states]
    if not now or any(state is not State.WORKS for state in now):
        return []
    past = next((p for p in site.history.breakages if p.id in mark.ids), None)
    text = _MARK.sub("", issue.body).rstrip()
    body = f"{text}\n\n**{_how_fixed(past, site.today.as_of)}**"
    closed = IssueMarker(mark.ids, mark.cells, fixed=True)
    return [Issue(issue.title, _with(body, closed), open=False, number=issue.number)]


def _how_fixed(past: Past | None, as_of: datetime) -> str:
    if past and past.fixed_on:
        return _plain(past.how_fixed or f"It works again since {past.fixed_on:%Y-%m-%d}.")
    return f"It works again: seen on {as_of:%Y-%m-%d}."


def _overview(site: SiteData, same: Sequence[Issue]) -> list[Issue]:
    today = site.today
    lines = [_plain(today.headline), "", f"As of {today.as_of:%Y-%m-%d %H:%M} UTC.", ""]
    lines += [f"- {_who(b)}: {_code(b.symptom)}" for b in today.breakages]
    if site.url:
        lines += ["", f"[The page]({site.url})"]
    first = same[0] if same else None
    now = Issue(
        title="What is broken today",
        body=_with("\n".join(lines), IssueMarker((OVERVIEW,))),
        open=first.open if first else True,
        number=first.number if first else None,
    )
    changed = [now] if first is None or now != first else []
    return changed + [_duplicate(other, first) for other in same[1:] if first and other.open]


def _ids(broken: Broken) -> tuple[str, ...]:
    page = broken.page.removeprefix("breakages/").removesuffix(".html") if broken.page else None
    return tuple(dict.fromkeys(filter(None, (broken.id, page))))


def _who(broken: Broken) -> str:
    return _plain(", ".join(broken.subjects))


def _title(broken: Broken) -> str:
    title = f"{', '.join(broken.subjects)}: {broken.symptom}"
    title = _quiet(" ".join(title.split()))
    return title if len(title) <= _TITLE_LIMIT else title[: _TITLE_LIMIT - 1] + "…"


def _body(site: SiteData, broken: Broken) -> str:
    lines = [
        _block(broken.symptom),
        f"On Python {', '.join(broken.pythons)}, with a fresh install.",
    ]
    if broken.since:
        by = f", through {_code(broken.culprit)}" if broken.culprit else ""
        lines.append(f"Since {broken.since:%Y-%m-%d}{by}.")
    if broken.cure:
        lines += ["What to type instead (it was run):", _block(broken.cure)]
    if site.url and broken.page:
        lines.append(f"[Evidence, logs and proof]({site.url}{broken.page})")
    return "\n\n".join(lines)


def _with(text: str, mark: IssueMarker) -> str:
    told = json.dumps(_MARKS.dump_python(mark, mode="json"), sort_keys=True)
    told = told.replace("<", "\\u003c").replace(">", "\\u003e")  # so that it ends no comment
    return f"{text}\n\n<!-- flask-watchdog {told} -->"


def _plain(text: str) -> str:
    """Text that is no mark-up."""
    return _quiet(re.sub(r"([\\`*_\[\]()~|<>&])", r"\\\1", " ".join(text.split())))


def _quiet(text: str) -> str:
    """Text that mentions nobody and links no issue."""
    return re.sub(r"([@#])(?=\w)", "\\1\u200b", text)


def _code(text: str) -> str:
    """Text between backticks, whatever is in it."""
    text = " ".join(text.split())
    fence = "`" * (_longest(text) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _block(text: str) -> str:
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
