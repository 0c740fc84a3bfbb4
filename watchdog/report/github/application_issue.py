"""Plans the one issue of an application that a release broke, from the answer of `bisect`. Pure.

The answer was written where the code of strangers ran, so nothing in it is trusted: it is
validated, shortened, and written as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from watchdog.model.evidence import Outcome
from watchdog.report.github.issue_sync import Issue, IssueMarker, add_marker
from watchdog.report.markdown import code, code_block, escape, without_mentions

_TITLE_LIMIT = 200  # GitHub's is 256
_TEXT_LIMIT = 4_000
"""Characters of a text of packages in an issue; GitHub takes 65,536 in all."""

ShortText = Annotated[str, Field(max_length=500)]


@dataclass(frozen=True, kw_only=True)
class AnsweredCulprit:
    """The release that broke the command, and the one before it."""

    name: ShortText
    version: ShortText
    last_good: ShortText


@dataclass(frozen=True, kw_only=True)
class AnsweredCure:
    """Requirements with which the command succeeds."""

    pins: tuple[ShortText, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What `bisect --format json` says of a command, as far as an issue tells it.

    Attributes:
        as_of: when the index was read, UTC.
        worked_before: whether the same code succeeded with earlier releases; None if unknown.
        since: when it began to fail, UTC.
        diff: the cure as a change of the application's files; empty if there is none.
    """

    as_of: datetime
    python: ShortText
    command: str
    outcome: Outcome
    worked_before: bool | None = None
    symptom: str | None = None
    reason: str | None = None
    since: datetime | None = None
    culprit: AnsweredCulprit | None = None
    proof: ShortText | None = None
    cure: AnsweredCure | None = None
    diff: str = ""


_ANSWERS = TypeAdapter(Answer)


class Blame(StrEnum):
    """What makes a command fail, or that it does not."""

    NOTHING = "nothing"
    RELEASE = "release"
    CODE = "code"
    UNKNOWN = "unknown"


class Plan(NamedTuple):
    """A change of an issue, and the comment that is written below it; None for no comment."""

    issue: Issue
    comment: str | None


def read_answer(data: bytes) -> Answer:
    """Return the answer of `bisect --format json`.

    Raises:
        ValueError: it is none; the message names the fields.
    """
    try:
        return _ANSWERS.validate_json(data)
    except ValidationError as e:
        fields = sorted({".".join(map(str, error["loc"])) or "all of it" for error in e.errors()})
        raise ValueError(", ".join(fields)) from None


def find_blame(answer: Answer) -> Blame:
    """Return who is at fault: a release if the same code worked with earlier ones."""
    if answer.outcome is Outcome.WORKS:
        return Blame.NOTHING
    if answer.outcome is not Outcome.BROKEN or answer.worked_before is None:
        return Blame.UNKNOWN
    return Blame.RELEASE if answer.worked_before else Blame.CODE


def describe_blame(answer: Answer) -> str:
    """Return one sentence on whether the command succeeds, and who is at fault if not."""
    command = _shortened(answer.command, _TITLE_LIMIT)
    if answer.outcome is Outcome.WORKS:
        return f"{command} succeeds with the releases of {answer.as_of:%Y-%m-%d}"
    if answer.outcome is Outcome.CONFLICT:
        return "the requirements cannot be installed together"
    match find_blame(answer):
        case Blame.RELEASE:
            return _title(answer)
        case Blame.CODE:
            return f"{command} fails with earlier releases as well: no release is at fault"
        case _:
            return f"{command} fails, and what is at fault was not found in time"


def plan_change(answer: Answer, key: str, existing: Sequence[Issue]) -> Plan | None:
    """Return what to change so that there is one open issue while a release breaks the command.

    An issue that somebody closed by hand stays closed for that release; one that was closed here
    is opened again when the same release breaks the command again.

    Args:
        answer: what was found now.
        key: tells the applications of one repository apart.
        existing: all issues of the repository, oldest first.

    Returns:
        The change; None if all is as it should be, or if nothing is known.
    """
    own = [issue for issue in existing if issue.marker and _key_id(key) in issue.marker.ids]
    opened = next((issue for issue in own if issue.open), None)
    match find_blame(answer):
        case Blame.NOTHING:
            return _closing(answer, opened) if opened else None
        case Blame.RELEASE:
            issue = _broken_issue(answer, key, opened or _earlier_issue(answer, key, own))
            return Plan(issue, None) if issue and issue not in own else None
        case _:
            return None


def _key_id(key: str) -> str:
    return f"application {key}"


def _culprit_id(key: str, culprit: AnsweredCulprit) -> str:
    return f"{_key_id(key)}: {culprit.name} {culprit.version}"


def _earlier_issue(answer: Answer, key: str, own: Sequence[Issue]) -> Issue | None:
    """Return the closed issue of the same release; None if there is none or it is not known."""
    if answer.culprit is None:
        return None
    wanted = _culprit_id(key, answer.culprit)
    return next((i for i in own if i.marker and wanted in i.marker.ids), None)


def _broken_issue(answer: Answer, key: str, same: Issue | None) -> Issue | None:
    """Return the issue as it should be; None if somebody closed it by hand."""
    if same and not same.open and not (same.marker and same.marker.fixed):
        return None
    ids = (_key_id(key), *((_culprit_id(key, answer.culprit),) if answer.culprit else ()))
    body = add_marker(broken_text(answer), IssueMarker(ids))
    return Issue(_title(answer), body, open=True, number=same.number if same else None)


def _closing(answer: Answer, issue: Issue) -> Plan:
    marker = issue.marker or IssueMarker(())
    comment = f"It works again: seen on {answer.as_of:%Y-%m-%d} on Python {escape(answer.python)}."
    text = issue.body.partition("<!-- flask-watchdog")[0].rstrip()
    body = add_marker(text, IssueMarker(marker.ids, marker.cells, fixed=True))
    return Plan(Issue(issue.title, body, open=False, number=issue.number), comment)


def _title(answer: Answer) -> str:
    cause = "with today's releases"
    if answer.culprit:
        cause = f"because of {answer.culprit.name} {answer.culprit.version}"
    command = _shortened(answer.command, _TITLE_LIMIT // 2)
    return without_mentions(_shortened(f"{command} fails {cause}", _TITLE_LIMIT))


def broken_text(answer: Answer) -> str:
    """Return Markdown that tells what a release broke, since when, and what to change."""
    command = code(_shortened(answer.command, _TEXT_LIMIT))
    where = f"on Python {escape(answer.python)} with a fresh install"
    paragraphs = [f"{command} fails {where}; the same code succeeds with earlier releases."]
    if answer.symptom:
        paragraphs.append(code_block(_cut(answer.symptom)))
    if answer.culprit:
        release = code(f"{answer.culprit.name} {answer.culprit.version}")
        since = f"Since {answer.since:%Y-%m-%d %H:%M} UTC, because" if answer.since else "Because"
        paragraphs.append(
            f"{since} of {release}. It worked with {code(answer.culprit.last_good)} "
            f"(proof: {escape(answer.proof or 'none')})."
        )
    else:
        paragraphs.append("No single release could be proved to be the cause.")
    if answer.diff:
        paragraphs += ["It works with this change (run):", code_block(_cut(answer.diff), "diff")]
    elif answer.cure and answer.cure.pins:
        paragraphs.append(f"It works with {code(' '.join(answer.cure.pins))} (run).")
    else:
        paragraphs.append("No change of versions was found that makes it work.")
    paragraphs.append(
        f"Seen last on {answer.as_of:%Y-%m-%d}. This issue is closed when it works again."
    )
    return "\n\n".join(paragraphs)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "\n…"


def _shortened(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
