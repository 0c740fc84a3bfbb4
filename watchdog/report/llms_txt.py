"""Builds `llms.txt`, which leads programs that answer people to the files made for them. Pure.

Its form is that of llmstxt.org: a title, a summary as a quotation, then lists of links by topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watchdog.matrix.schema import Matrix
from watchdog.report.answers import Answer, BreakageAnswer, SubjectAnswer
from watchdog.report.api import VERSION
from watchdog.report.error_answer import ErrorAnswer
from watchdog.report.markdown import escape
from watchdog.report.views.front import SiteView
from watchdog.report.views.wording import instant

_HOW_TO_READ = (
    "Every command named as a cure was run, on the Pythons and the day that stand beside it. Where "
    "nothing is known, the files say so. Each page of an error, a subject and a breakage is also "
    "there as Markdown (`.md`) and as JSON (`.json`), at the same address."
)

_FILES = (
    ("today", "what is broken on a fresh install today, since when, and what to type instead"),
    ("history", "every breakage since the beginning of the history, with its cause and its end"),
    ("forecast", "what is announced to be removed and still used"),
    ("pins", "which pinned releases of the framework still work alone"),
    ("field", "every combination that was run, with its state"),
    ("tail", "packages that have no test of their own, and how much an automatic one shows"),
)


def llms_txt(matrix: Matrix, site: SiteView, every: Iterable[Answer]) -> str:
    """Return the file.

    Args:
        matrix: gives title, address and ranks.
        site: what the pages show.
        every: the content of pages for programs.
    """
    root = matrix.site.url or ""
    data = [answer.data for answer in every if answer.page == answer.data.page]
    named = [value for value in data if isinstance(value, SubjectAnswer)]
    subjects = [value for value in named if value.feed is not None]
    tail = [value for value in named if value.feed is None]
    subjects.sort(key=lambda s: (matrix.download_rank(s.subject), s.title.lower()))
    breakages = [value for value in data if isinstance(value, BreakageAnswer)]
    errors = [value for value in data if isinstance(value, ErrorAnswer)]
    lines = [
        f"# {escape(matrix.site.title)}",
        "",
        f"> {escape(site.front.headline)} As of {instant(site.front.as_of)}.",
        "",
        _HOW_TO_READ,
        "",
        "## Data",
        "",
    ]
    lines += [
        f"- [{name}.json]({root}api/{VERSION}/{name}.json): {words}; "
        f"schema `api/{VERSION}/{name}.schema.json`"
        for name, words in _FILES
    ]
    lines.append(f"- [Changes of these files]({root}api/{VERSION}/CHANGELOG.md)")
    lines += ["", "## Error messages", ""]
    lines += _links(root, ((e.page, e.error, e.verdict) for e in errors))
    lines += ["", "## Subjects", ""]
    lines += _links(root, ((s.page, s.title, s.verdict) for s in subjects))
    lines += ["", "## Optional", ""]
    lines += _links(root, ((s.page, s.title, s.verdict) for s in tail))
    lines += _links(root, ((b.page, b.error, b.verdict) for b in breakages))
    return "\n".join(lines) + "\n"


def _links(root: str, pages: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for page, title, verdict in pages:
        yield f"- [{escape(title)}]({root}{page.removesuffix('.html')}.md): {escape(verdict)}"
