"""Plans which issues a repository should have: one for each breakage, and an overview. Pure.

An issue is recognised by a hidden line in its text, never by its title, which people may change.
The line holds the ids of the breakage. A breakage has two: that of its signature and, as soon as
its history is known, that of its page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from watchdog.model.cell import Table
from watchdog.model.verdict import State
from watchdog.report.api import Broken, Field, History, Past, Today
from watchdog.report.markdown import code, code_block, escape, without_mentions
from watchdog.report.views.breakages import without_cure

OVERVIEW = "overview"
_TITLE_LIMIT = 200  # GitHub's is 256
_MARKER = re.compile(r"<!-- flask-watchdog (\{.*?\}) -->")


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
    """An issue of the repository; `number` is None for one that does not exist yet."""

    title: str
    body: str
    open: bool = True
    number: int | None = None

    @property
    def marker(self) -> IssueMarker | None:
        """Return its hidden line; None for an issue that the watchdog did not write."""
        match = _MARKER.search(self.body)
        if not match:
            return None
        try:
            return _MARKERS.validate_json(match[1])
        except ValidationError:
            return None


_MARKERS = TypeAdapter(IssueMarker)


@dataclass(frozen=True)
class SiteData:
    """What the site says, read from its JSON files; `url` is the site's address."""

    today: Today
    field: Field
    history: History
    url: str | None = None


def plan_changes(site: SiteData, existing: Sequence[Issue]) -> tuple[Issue, ...]:
    """Return the issues to open or to edit so that all issues say what the site says.

    Issues that are right already are not among them. An issue that somebody closed by hand stays
    closed; one that the watchdog closed is opened again when the breakage is back. A run that is
    doubted changes nothing.
    """
    if site.today.doubt:
        return ()
    own = sorted((i for i in existing if i.marker), key=lambda issue: issue.number or 0)
    changes: list[Issue] = []
    for broken in site.today.breakages:
        same = _issues_with_ids(own, _ids(broken))
        changes += _changes(_breakage_issue(site, broken, same), same)
    changes += _close_fixed(site, own)
    overviews = _issues_with_ids(own, (OVERVIEW,))
    changes += _changes(_overview_issue(site, overviews), overviews)
    return tuple(changes)


def _marker_ids(issue: Issue) -> frozenset[str]:
    marker = issue.marker
    return frozenset(marker.ids) if marker else frozenset()


def _issues_with_ids(issues: Iterable[Issue], ids: Iterable[str]) -> list[Issue]:
    """Return the issues with at least one of these ids, in their order."""
    wanted = frozenset(ids)
    return [issue for issue in issues if _marker_ids(issue) & wanted]


def _changes(planned: Issue, same: Sequence[Issue]) -> list[Issue]:
    """Return the planned issue unless it exists so already, and close duplicates of it.

    Args:
        planned: what the oldest issue should be, or a new one.
        same: existing issues of the same breakage, oldest first.
    """
    if not same:
        return [planned]
    # Two issues of one breakage exist only after an answer of GitHub was lost: the older one stays.
    oldest, *duplicates = same
    changes = [planned] if planned != oldest else []
    return changes + [_close_duplicate(issue, oldest) for issue in duplicates if issue.open]


def _close_duplicate(issue: Issue, original: Issue) -> Issue:
    marker = issue.marker or IssueMarker(())
    body = add_marker(f"The same as #{original.number}.", IssueMarker(marker.ids, marker.cells))
    return Issue(issue.title, body, open=False, number=issue.number)


def _breakage_issue(site: SiteData, broken: Broken, same: Sequence[Issue]) -> Issue:
    """Return the issue of a breakage as it should be; `same` are those that exist for it."""
    ids = [known_id for issue in same if issue.marker for known_id in issue.marker.ids]
    cells = tuple(
        f"{subject}/{Table.TODAY.value}/py{python}"
        for subject in broken.subjects
        for python in broken.pythons
    )
    marker = IssueMarker(tuple(dict.fromkeys([*ids, *_ids(broken)])), cells)
    return Issue(
        title=_title(broken),
        body=add_marker(_body(site, broken), marker),
        open=_is_to_be_open(same),
        number=same[0].number if same else None,
    )


def _is_to_be_open(same: Sequence[Issue]) -> bool:
    """Return whether the issue of a breakage is to be open: unless somebody closed it by hand."""
    if not same or same[0].open:
        return True
    marker = same[0].marker
    return marker is not None and marker.fixed


def _close_fixed(site: SiteData, issues: Iterable[Issue]) -> list[Issue]:
    """Close the open issues whose breakage is over."""
    broken_ids = {breakage_id for broken in site.today.breakages for breakage_id in _ids(broken)}
    return [
        _close(site, issue)
        for issue in issues
        if issue.open
        and _marker_ids(issue).isdisjoint({*broken_ids, OVERVIEW})
        and _is_fixed(site, issue)
    ]


def _is_fixed(site: SiteData, issue: Issue) -> bool:
    """Return whether every cell of an issue that was judged works, and at least one was."""
    cells = issue.marker.cells if issue.marker else ()
    state_by_cell = {cell.cell: cell.state for cell in site.field.cells}
    states = [state_by_cell[cell] for cell in cells if cell in state_by_cell]
    return bool(states) and all(state is State.WORKS for state in states)


def _close(site: SiteData, issue: Issue) -> Issue:
    marker = issue.marker or IssueMarker(())
    past = next((p for p in site.history.breakages if p.id in marker.ids), None)
    text = _MARKER.sub("", issue.body).rstrip()
    body = f"{text}\n\n**{_how_fixed(past, site.today.as_of)}**"
    fixed = IssueMarker(marker.ids, marker.cells, fixed=True)
    return Issue(issue.title, add_marker(body, fixed), open=False, number=issue.number)


def _how_fixed(past: Past | None, as_of: datetime) -> str:
    if past and past.fixed_on:
        return escape(past.how_fixed or f"It works again since {past.fixed_on:%Y-%m-%d}.")
    return f"It works again: seen on {as_of:%Y-%m-%d}."


def _overview_issue(site: SiteData, same: Sequence[Issue]) -> Issue:
    """Return the overview as it should be; `same` are those that exist."""
    today = site.today
    lines = [escape(today.headline), "", f"As of {today.as_of:%Y-%m-%d %H:%M} UTC.", ""]
    lines += [f"- {_who(broken)}: {code(broken.symptom)}" for broken in today.breakages]
    if site.url:
        lines += ["", f"[The page]({site.url})"]
    return Issue(
        title="What is broken today",
        body=add_marker("\n".join(lines), IssueMarker((OVERVIEW,))),
        open=same[0].open if same else True,
        number=same[0].number if same else None,
    )


def _ids(broken: Broken) -> tuple[str, ...]:
    """Return the ids of a breakage: of its signature, and of its page if it has one."""
    page = broken.page.removeprefix("breakages/").removesuffix(".html") if broken.page else None
    return tuple(dict.fromkeys(filter(None, (broken.id, page))))


def _who(broken: Broken) -> str:
    return escape(", ".join(broken.subjects))


def _title(broken: Broken) -> str:
    title = f"{', '.join(broken.subjects)}: {broken.title or broken.symptom}"
    title = without_mentions(" ".join(title.split()))
    return title if len(title) <= _TITLE_LIMIT else title[: _TITLE_LIMIT - 1] + "…"


def _body(site: SiteData, broken: Broken) -> str:
    paragraphs = [
        code_block(broken.symptom),
        f"On Python {', '.join(broken.pythons)}, with a fresh install"
        + (f": {escape(broken.severity)}." if broken.severity else "."),
    ]
    if broken.since:
        causes = broken.causes or ((broken.culprit,) if broken.culprit else ())
        by = f", because of {', then '.join(map(code, causes))}" if causes else ""
        paragraphs.append(f"Since {broken.since:%Y-%m-%d}{by}.")
    if broken.cure:
        paragraphs += ["What to type instead (it was run):", code_block(broken.cure)]
    else:
        known = (broken.pythons, broken.cures, broken.nothing_works_on, broken.tried)
        paragraphs += map(escape, without_cure(*known))
    if site.url and broken.page:
        paragraphs.append(f"[Evidence, logs and proof]({site.url}{broken.page})")
    return "\n\n".join(paragraphs)


def add_marker(text: str, marker: IssueMarker) -> str:
    """Return the text of an issue with its hidden line at the end."""
    content = json.dumps(_MARKERS.dump_python(marker, mode="json"), sort_keys=True)
    # Escaped, so that no id ends the comment.
    content = content.replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{text}\n\n<!-- flask-watchdog {content} -->"
