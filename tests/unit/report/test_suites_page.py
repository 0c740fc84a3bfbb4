"""The test suites of packages on the pages and in the files for machines."""

from __future__ import annotations

import json
from dataclasses import replace

import jinja2
import pytest
from ecosystem import day
from samples import MATRIX
from stored_samples import AFTER_A_RUN, BEFORE_THE_FIRST_RUN

from watchdog.model.history import Culprit
from watchdog.report import site
from watchdog.report.content import Views, build_views
from watchdog.report.views.smoke_recall import smoke_recall_view
from watchdog.storage.smoke_recall import NewFailure, SmokeRecall
from watchdog.storage.suites import SuiteControl, SuiteFinding, SuiteResult, SuiteState

FINDING = SuiteFinding(
    tests=tuple(f"tests/test_a.py::test_{n}[<b>]" for n in range(20)),
    symptom="KeyError: '<script>'",
    signature="KeyError",
    culprit=Culprit("werkzeug", "3.1.0", "3.0.6"),
    proof="swap",
    cure=("werkzeug<3.1",),
)
RESULT = SuiteResult(
    subject="ext",
    version="1.0",
    python="3.9",
    as_of=day(9),
    ran_at=day(9),
    state=SuiteState.COMPARED,
    passed=80,
    failed=20,
    control=SuiteControl(python="3.8", as_of=day(4), passed=100, failed=0, skipped=2),
    findings=(FINDING,),
    unclear=("tests/test_a.py::test_x",),
)
WITHOUT = replace(
    RESULT, subject="flask", state=SuiteState.NO_TESTS, control=None, findings=(), unclear=()
)


LOST = NewFailure(tests=("tests/a.py::one[<b>]",), symptom="KeyError: '<i>'", signature="KeyError")
RECALL = SmokeRecall(
    package="werkzeug",
    release="3.0.0",
    released=day(5),
    subject="ext",
    version="1.0",
    python="3.8",
    ran_at=day(9),
    state=SuiteState.COMPARED,
    suite=(replace(LOST, tests=tuple(f"tests/a.py::t{n}[<b>]" for n in range(8))),),
)
SEES = replace(RECALL, smoke=(LOST,))
NEITHER = replace(RECALL, suite=(), subject="flask")
NOT_RUN = replace(RECALL, state=SuiteState.NO_TESTS, subject="other")


def views(*results: SuiteResult) -> Views:
    """Return the views of a run with these results."""
    return build_views(MATRIX, replace(AFTER_A_RUN, suites=results))


def rendered(content: Views) -> dict[str, str]:
    """Return the text of each page."""
    templates: jinja2.Environment = site._load_templates(MATRIX, content)
    return {page.path: site._render(templates, page) for page in site.all_pages(content)}


def test_pages() -> None:
    """The subject's page and the table say what fails since when; texts of packages are escaped."""
    pages = rendered(views(RESULT, WITHOUT))
    own = pages["subjects/ext.html"]
    assert "80 of 100 pass; 20 fail since" in own
    assert "they pass with <code>werkzeug&lt;3.1</code>" in own
    assert "and 8 more" in own
    assert "1 failed, but the test tools or the Python may be the reason" in own
    table = pages["suites.html"]
    assert "<td>20.0%</td>" in table
    assert "100 of 100 pass on Python 3.8 with the packages of" in table
    assert "not run (no tests in the source distribution)" in table
    assert all("<script>'" not in text and "[<b>]" not in text for text in (own, table))


def test_no_page_without_suites() -> None:
    """Where no suite was run, or no matrix, there is no page; and subjects say nothing of it."""
    pages = rendered(views())
    assert "suites.html" not in pages
    assert "Its own tests" not in pages["subjects/ext.html"]
    before = build_views(MATRIX, replace(BEFORE_THE_FIRST_RUN, suites=(RESULT,)))
    assert "suites.html" not in rendered(before)


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (RESULT, "broken"),
        (replace(RESULT, findings=(replace(FINDING, is_warning=True),)), "works"),
        (replace(RESULT, findings=(replace(FINDING, is_own_code=True),)), "works"),
        (replace(RESULT, findings=()), "works"),
        (
            replace(
                RESULT,
                control=SuiteControl(python="3.8", as_of=day(4), passed=1, failed=9, skipped=0),
            ),
            "unjudged",
        ),
        (replace(RESULT, state=SuiteState.NO_SET), "unjudged"),
        (replace(RESULT, findings=(), unclear=tuple(map(str, range(11)))), "unjudged"),
    ],
)
def test_state(result: SuiteResult, state: str) -> None:
    """Only a suite that works in its control is judged; a mere warning breaks nothing."""
    content = views(result)
    assert content.suites is not None
    (line,) = content.suites.lines
    assert line.state == state
    assert bool(line.findings) is (state != "unjudged" and bool(result.findings))


def test_newest_python_counts() -> None:
    """The table has one line a package; its page has one a Python, the newest first."""
    content = views(replace(RESULT, python="3.10", findings=(), passed=100, failed=0), RESULT)
    assert content.suites is not None
    assert [line.python for line in content.suites.lines] == ["3.10"]
    assert [view.python for view in content.suites_of["ext"]] == ["3.10", "3.9"]


def test_files_for_machines() -> None:
    """The same is in suites.json, and in the subject's JSON and Markdown."""
    files = dict(site.machine_files(MATRIX, views(RESULT), []))
    (own,) = json.loads(files["api/v1/suites.json"])["suites"]
    assert (own["subject"], own["state"]) == ("ext", "broken")
    assert own["findings"][0]["count"] == 20
    assert own["findings"][0]["cure"] == "werkzeug<3.1"
    assert json.loads(files["subjects/ext.json"])["suites"] == [own]
    assert "Its own tests on Python 3.9: 80 of 100 pass" in files["subjects/ext.md"]


def test_recall_page() -> None:
    """The table counts by release; what a smoke misses is named, also where no suite was stored."""
    stored = replace(AFTER_A_RUN, smoke_recall=((RECALL,), (NEITHER,), (NOT_RUN,)))
    text = rendered(build_views(MATRIX, stored))["suites.html"]
    assert "<strong>0 of 1</strong>" in text
    assert "<td>2</td><td>0</td><td>1</td><td>0</td><td>0</td><td>1</td>" in text
    assert "8 tests (<code>tests/a.py::t0[&lt;b&gt;]</code>" in text
    assert "and 2 more" in text
    assert "[<b>]" not in text
    assert "The test suites of" not in text


@pytest.mark.parametrize(
    ("measured", "seen", "seen_first", "deepened"),
    [
        ([(RECALL,)], 0, 0, 0),
        ([(SEES,)], 1, 1, 0),
        ([(RECALL, SEES)], 1, 0, 1),
        ([(RECALL, SEES, RECALL)], 0, 0, 0),
        ([(SEES, RECALL)], 0, 1, 0),
    ],
)
def test_recall_counts(
    measured: list[tuple[SmokeRecall, ...]], seen: int, seen_first: int, deepened: int
) -> None:
    """The last measurement counts, and the first tells what the smoke saw before."""
    view = smoke_recall_view(MATRIX, measured)
    assert view is not None
    (line,) = view.lines
    assert (view.breaks, view.seen, view.seen_first) == (1, seen, seen_first)
    assert (line.both, line.deepened) == (seen, deepened)
    assert [m.is_seen for m in view.missed] == ([bool(deepened)] if measured != [(SEES,)] else [])


def test_nothing_measured() -> None:
    """Without a suite that could be compared there is no measure."""
    assert smoke_recall_view(MATRIX, []) is None
    assert smoke_recall_view(MATRIX, [(NOT_RUN,)]) is None
