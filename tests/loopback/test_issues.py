"""The issues of a repository, on a loopback imitation of GitHub's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from home import Home
from loopback_issues import TOKEN, LoopbackIssues

from watchdog.errors import InfrastructureError
from watchdog.report.github.issue_sync import Issue, IssueMarker, add_marker
from watchdog.report.github.issues import IssueTracker


@pytest.fixture
def github() -> Iterator[LoopbackIssues]:
    there = LoopbackIssues()
    there.start()
    yield there
    there.stop()


@pytest.fixture
def issues(github: LoopbackIssues) -> Iterator[IssueTracker]:
    with closing(
        IssueTracker("someone/watchdog", TOKEN, api=github.url, sleep=lambda _: None)
    ) as opened:
        yield opened


NEW = Issue("ext-a breaks", add_marker("text", IssueMarker(("ext-a--1",))))


def test_tracker_reads_all_pages(github: LoopbackIssues, issues: IssueTracker) -> None:
    """IssueTracker.all reads every page and leaves out pull requests."""
    for number in range(7):
        github.add(f"issue {number}", None)
    github.add("a change", pull_request={"url": "…"})
    github.per_page = 3
    assert [i.number for i in issues.all()] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("failure", [500, 502, 503, "limited", "lost"])
def test_tracker_creates_issue_once(
    github: LoopbackIssues, issues: IssueTracker, failure: object
) -> None:
    """IssueTracker.put opens an issue only once when the answer fails or is lost."""
    github.failures = [failure]
    assert issues.put(NEW).number == 1
    assert len(github.issues) == 1


@pytest.mark.parametrize("failure", [500, "limited", "lost"])
def test_tracker_retries_edit(
    github: LoopbackIssues, issues: IssueTracker, failure: object
) -> None:
    """IssueTracker.put tries an edit again after a failure."""
    github.add("before")
    github.failures = [failure]
    after = issues.put(Issue("after", "text", open=False, number=1))
    assert (after.title, after.open) == ("after", False)
    assert github.issues[0]["state_reason"] == "completed"


@pytest.mark.parametrize(
    ("failures", "words"),
    [
        ([500] * 9, "cannot be reached"),
        (["used-up"], "rate limit is used up"),
        ([404], "refuses"),
    ],
)
def test_tracker_reports_permanent_failure(
    github: LoopbackIssues, issues: IssueTracker, failures: list[object], words: str
) -> None:
    """A failure that persists raises InfrastructureError with its cause."""
    github.failures = failures
    with pytest.raises(InfrastructureError, match=words):
        issues.all()


def test_tracker_refuses_foreign_page_link(
    github: LoopbackIssues, issues: IssueTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A next page on another server is not requested and raises InfrastructureError."""
    github.add("one")
    github.add("two")
    github.per_page = 1
    page = github._page
    monkeypatch.setattr(
        github,
        "_page",
        lambda *a: (*page(*a)[:2], {"Link": '<http://example.org/issues?page=2>; rel="next"'}),
    )
    with pytest.raises(InfrastructureError, match="another server"):
        issues.all()


def sync_issues(home: Home, github: LoopbackIssues, *args: str) -> str:
    done = home(
        "issues",
        *args,
        GITHUB_TOKEN=TOKEN,
        GITHUB_API_URL=github.url,
        GITHUB_REPOSITORY="someone/watchdog",
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_issues_command_is_idempotent(finished_run: Home, github: LoopbackIssues) -> None:
    """One issue is opened per breakage, none by a dry run, and a second run changes nothing."""
    assert "would be opened" in sync_issues(finished_run, github, "--dry-run")
    assert github.issues == []
    sync_issues(finished_run, github)
    titles = [issue["title"] for issue in github.issues]
    assert any("ext-import" in title for title in titles)
    assert titles[-1] == "What is broken today"
    assert len(titles) == len(set(titles))
    before = len(github.changes())
    assert "they match the report" in sync_issues(finished_run, github)
    assert len(github.changes()) == before


def test_issues_command_requirements(
    home: Home, finished_run: Home, github: LoopbackIssues
) -> None:
    """A missing token, missing pages or missing rights end the command with a message."""
    done = finished_run("issues", "--repository", "someone/watchdog")
    assert done.returncode == 2
    assert "GITHUB_TOKEN" in done.stderr
    done = home("issues", "--repository", "someone/watchdog", GITHUB_TOKEN=TOKEN)
    assert done.returncode == 2
    assert "flask-watchdog report" in done.stderr
    done = finished_run(
        "issues", "--repository", "someone/watchdog", "--api", github.url, GITHUB_TOKEN="wrong"
    )
    assert done.returncode == 3
    assert "issues: write" in done.stderr


def test_application_issue_command(home: Home, github: LoopbackIssues) -> None:
    """A dry run changes nothing; an answer that is none, or no token, ends with a message."""
    answer = {
        "as_of": "2025-12-01T12:00:00+00:00",
        "python": "3.13",
        "command": "pytest",
        "outcome": "broken",
        "worked_before": True,
    }
    path = home.folder / "answer.json"
    path.write_text(json.dumps(answer), "utf-8")
    there = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": "someone/watchdog",
    }
    done = home("application-issue", "--dry-run", "answer.json", **there)
    assert (done.returncode, github.issues) == (1, [])
    assert "would be opened: pytest fails with today's releases" in done.stderr
    done = home("application-issue", "answer.json", **there)
    assert (done.returncode, len(github.issues)) == (1, 1)
    path.write_text(json.dumps(answer | {"outcome": "works"}), "utf-8")
    assert home("application-issue", "answer.json", **there).returncode == 0
    assert github.issues[0]["state"] == "closed"
    assert [number for number, _ in github.comments] == [1]
    path.write_text("{}", "utf-8")
    done = home("application-issue", "answer.json", **there)
    assert (done.returncode, "as_of, command, outcome" in done.stderr) == (2, True)
    done = home("application-issue", "answer.json", GITHUB_REPOSITORY="someone/watchdog")
    assert (done.returncode, "GITHUB_TOKEN" in done.stderr) == (2, True)
