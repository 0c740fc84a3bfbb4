"""The one door to a repository's issues: GitHub's REST API, also behind another address.

https://docs.github.com/en/rest/issues/issues. Reading and editing may be tried again at will; the
answer to a new issue can be lost after it was made, so before it is made again the list is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from watchdog.errors import InfrastructureError
from watchdog.report.github.issue_sync import Issue

_TRIES = 4
_PAUSE = 1.0
"""Seconds between two changes, and before a second try; what GitHub asks for."""
_PATIENCE = 120.0
"""Seconds that a rate limit is waited for; a longer one is left to the next run."""
_PER_PAGE = 100


class IssueTracker:
    """The issues of one repository."""

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api: str = "https://api.github.com",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._list = f"{api.rstrip('/')}/repos/{repository}/issues"
        self._sleep = sleep
        self._client = httpx.Client(
            timeout=30,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    def close(self) -> None:
        self._client.close()

    def all(self) -> list[Issue]:
        """Every issue, open and closed, oldest first.

        Raises:
            InfrastructureError: the list cannot be read to its end.
        """
        found: list[Issue] = []
        url: str | None = f"{self._list}?state=all&sort=created&direction=asc&per_page={_PER_PAGE}"
        while url:
            answer = self._asked("GET", url)
            found += [_read(item) for item in answer.json() if "pull_request" not in item]
            url = answer.links.get("next", {}).get("url")
            if url and urlsplit(url).netloc != urlsplit(self._list).netloc:
                raise InfrastructureError("the list of issues goes on at another server")
        return found

    def put(self, issue: Issue) -> Issue:
        """Open an issue, or make one what it should be; as it then is.

        Raises:
            InfrastructureError: that could not be done.
        """
        self._sleep(_PAUSE)
        if issue.number is not None:
            state = {"state": "open"} if issue.open else _CLOSED
            told = {"title": issue.title, "body": issue.body} | state
            return _read(self._asked("PATCH", f"{self._list}/{issue.number}", told).json())
        for attempt in range(_TRIES):
            told = {"title": issue.title, "body": issue.body}
            try:
                return _read(self._asked("POST", self._list, told, tries=1).json())
            except InfrastructureError:
                if attempt == _TRIES - 1:
                    raise
            self._sleep(_PAUSE * 2**attempt)
            # It may have been made all the same.
            made = next((i for i in self.all() if i.mark and i.mark == issue.mark), None)
            if made:
                return made
        raise AssertionError

    def _asked(
        self, method: str, url: str, told: Mapping[str, str] | None = None, *, tries: int = _TRIES
    ) -> httpx.Response:
        trouble, tried, waited = "", 0, 0.0
        while tried < tries:
            if tried:
                self._sleep(_PAUSE * 2**tried)
            try:
                answer = self._client.request(method, url, json=told)
            except httpx.HTTPError as e:
                trouble, tried = type(e).__name__, tried + 1
                continue
            if (wait := _limited(answer)) is not None:  # refused: nothing was done
                waited += max(wait, _PAUSE)
                if waited > _PATIENCE:
                    raise InfrastructureError(
                        f"GitHub's rate limit is used up for {wait:.0f} s; run "
                        "`flask-watchdog issues` again then"
                    )
                self._sleep(max(wait, _PAUSE))
                continue
            if answer.is_server_error:
                trouble, tried = f"status {answer.status_code}", tried + 1
                continue
            if answer.is_error:
                raise InfrastructureError(
                    f"GitHub refuses to {method} an issue (status {answer.status_code}): is the "
                    "token there, and may it write issues (permissions: issues: write)?"
                )
            return answer
        raise InfrastructureError(f"GitHub's issues cannot be reached ({trouble}); run again later")


_CLOSED = {"state": "closed", "state_reason": "completed"}


def _limited(answer: httpx.Response) -> float | None:
    """Seconds to wait for a rate limit; None where that is not the answer."""
    if answer.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        return None
    told = answer.headers
    if (after := told.get("retry-after", "")).isdigit():
        return float(after)
    if told.get("x-ratelimit-remaining") == "0" and told.get("x-ratelimit-reset", "").isdigit():
        return max(0.0, float(told["x-ratelimit-reset"]) - time.time()) + 1
    return 60.0 if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else None


def _read(item: Any) -> Issue:  # noqa: ANN401  JSON
    try:
        issue = Issue(
            title=str(item["title"]),
            # GitHub gives texts back as they were typed into a form.
            body=str(item["body"] or "").replace("\r\n", "\n"),
            open=item["state"] == "open",
        )
        return replace(issue, number=int(item["number"]))
    except (KeyError, TypeError, ValueError) as e:
        raise InfrastructureError(f"GitHub answers with something that is no issue: {e}") from None
