"""Client for the issues of a repository: GitHub's REST API, also at another address.

https://docs.github.com/en/rest/issues/issues. Reading and editing can be repeated safely. The
answer to a new issue can be lost after the issue was made, so the list is read before it is made
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from watchdog.errors import InfrastructureError
from watchdog.report.github.issue_sync import Issue

_TRIES = 4
_PAUSE = 1.0
"""Seconds between two changes, and before the second try: what GitHub asks clients to keep."""
_LONGEST_WAIT = 120.0
"""Seconds to wait for a rate limit in all; a longer one is left to the next run."""
_DEFAULT_WAIT = 60.0
"""Seconds to wait for a rate limit whose answer does not say how long."""
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
        self._list_url = f"{api.rstrip('/')}/repos/{repository}/issues"
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
        """Close the connections."""
        self._client.close()

    def all(self) -> list[Issue]:
        """Return every issue, open and closed, oldest first.

        Raises:
            InfrastructureError: the list cannot be read to its end.
        """
        issues: list[Issue] = []
        url: str | None = (
            f"{self._list_url}?state=all&sort=created&direction=asc&per_page={_PER_PAGE}"
        )
        while url:
            response = self._request("GET", url)
            # GitHub lists pull requests as issues.
            issues += [_parse(item) for item in response.json() if "pull_request" not in item]
            url = response.links.get("next", {}).get("url")
            # The token is sent to no other server.
            if url and urlsplit(url).netloc != urlsplit(self._list_url).netloc:
                raise InfrastructureError("the list of issues continues on another server")
        return issues

    def put(self, issue: Issue) -> Issue:
        """Open an issue, or edit the one with its number; return it as GitHub stored it.

        Raises:
            InfrastructureError: the issue could not be opened or edited.
        """
        self._sleep(_PAUSE)
        if issue.number is None:
            return self._open(issue)
        state = {"state": "open"} if issue.open else _CLOSED
        content = {"title": issue.title, "body": issue.body} | state
        return _parse(self._request("PATCH", f"{self._list_url}/{issue.number}", content).json())

    def comment(self, number: int, text: str) -> None:
        """Write a comment below an issue; after a lost answer it is not written again.

        Raises:
            InfrastructureError: it could not be written.
        """
        self._sleep(_PAUSE)
        self._request("POST", f"{self._list_url}/{number}/comments", {"body": text}, tries=1)

    def _open(self, issue: Issue) -> Issue:
        """Open an issue once, even if the answer of GitHub is lost."""
        content = {"title": issue.title, "body": issue.body}
        for attempt in range(_TRIES):
            try:
                return _parse(self._request("POST", self._list_url, content, tries=1).json())
            except InfrastructureError:
                if attempt == _TRIES - 1:
                    raise
            self._sleep(_PAUSE * 2**attempt)
            # It may have been made although the answer was lost.
            for existing in self.all():
                if existing.marker and existing.marker == issue.marker:
                    return existing
        raise AssertionError

    def _request(
        self,
        method: str,
        url: str,
        content: Mapping[str, str] | None = None,
        *,
        tries: int = _TRIES,
    ) -> httpx.Response:
        """Send a request; repeat it after a failure, wait for a rate limit.

        Raises:
            InfrastructureError: GitHub refuses the request or cannot be reached.
        """
        failure, failed, waited = "", 0, 0.0
        while failed < tries:
            if failed:
                self._sleep(_PAUSE * 2**failed)
            try:
                response = self._client.request(method, url, json=content)
            except httpx.HTTPError as e:
                failure, failed = type(e).__name__, failed + 1
                continue
            wait = _rate_limit_wait(response)
            if wait is not None:  # refused: nothing was done
                waited += self._wait(wait, waited)
            elif response.is_server_error:
                failure, failed = f"status {response.status_code}", failed + 1
            elif response.is_error:
                raise InfrastructureError(
                    f"GitHub refuses to {method} an issue (status {response.status_code}); check "
                    "that the token is valid and may write issues (permissions: issues: write)"
                )
            else:
                return response
        raise InfrastructureError(f"GitHub's issues cannot be reached ({failure}); run again later")

    def _wait(self, seconds: float, waited: float) -> float:
        """Wait for a rate limit, unless that takes too long with what was `waited` before.

        Returns:
            The seconds that were waited now.

        Raises:
            InfrastructureError: the rate limit lasts too long.
        """
        pause = max(seconds, _PAUSE)
        if waited + pause > _LONGEST_WAIT:
            raise InfrastructureError(
                f"GitHub's rate limit is used up for {seconds:.0f} s; run "
                "`flask-watchdog issues` again after that"
            )
        self._sleep(pause)
        return pause


_CLOSED = {"state": "closed", "state_reason": "completed"}


def _rate_limit_wait(response: httpx.Response) -> float | None:
    """Return the seconds to wait for a rate limit; None if the response is something else.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if response.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        return None
    headers = response.headers
    if (seconds := headers.get("retry-after", "")).isdigit():
        return float(seconds)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - time.time()) + 1
    return _DEFAULT_WAIT if response.status_code == httpx.codes.TOO_MANY_REQUESTS else None


def _parse(item: Any) -> Issue:  # noqa: ANN401  JSON
    """Return an issue from GitHub's JSON.

    Raises:
        InfrastructureError: the JSON is not an issue.
    """
    try:
        return Issue(
            title=str(item["title"]),
            # GitHub returns texts with the line ends of a form.
            body=str(item["body"] or "").replace("\r\n", "\n"),
            open=item["state"] == "open",
            number=int(item["number"]),
        )
    except (KeyError, TypeError, ValueError) as e:
        raise InfrastructureError(f"GitHub's answer is not a valid issue: {e}") from None
