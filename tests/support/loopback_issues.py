"""GitHub's issues API on loopback, as documented: paging, rate limits, lost responses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import Loopback

TOKEN = "a-token"

Response = tuple[int, Any, dict[str, str]]
"""Status, JSON value and headers."""


@dataclass
class LoopbackIssues(Loopback):
    """The issues of a repository.

    Attributes:
        failures: how the next requests fail, in order: a status, `lost` (the request is done, but
            there is no response), `limited` (429, retry after a second), `used-up` (403, the
            hourly limit), or None for no failure.
        comments: the number of the issue and the text of each comment, in order.
        per_page: page size; None for the requested one.
    """

    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    per_page: int | None = None

    @property
    def url(self) -> str:
        """Return the URL of the API."""
        return self.address

    def add(self, title: str, body: str | None = "", **more: Any) -> dict[str, Any]:
        """Create an issue."""
        number = len(self.issues) + 1
        issue = {"number": number, "title": title, "body": body, "state": "open"} | more
        self.issues.append(issue)
        return issue

    def changes(self) -> list[tuple[str, str]]:
        """Return method and path of the requests that change something."""
        return [request for request in self.requests if request[0] != "GET"]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request, or fail as `failures` demands."""
        length = int(handler.headers.get("Content-Length") or 0)
        fields = json.loads(handler.rfile.read(length) or "{}")
        self.requests.append((handler.command, handler.path))
        failure = self.failures.pop(0) if self.failures else None
        headers: dict[str, str] = {}
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, data = 401, {"message": "Bad credentials"}
        elif isinstance(failure, int):
            status, data = failure, {"message": "failure"}
        elif failure == "limited":
            status, data, headers = 429, {"message": "secondary rate limit"}, {"Retry-After": "1"}
        elif failure == "used-up":
            status, data = 403, {"message": "API rate limit exceeded"}
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}
        else:
            status, data, headers = self._do(handler.command, handler.path, fields)
        if failure == "lost":
            handler.close_connection = True
            handler.connection.close()
            return
        body = json.dumps(data).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _do(self, method: str, path: str, fields: dict[str, Any]) -> Response:
        parts = urlsplit(path)
        steps = parts.path.strip("/").split("/")
        if method == "PUT" and steps[-1] == "enable":
            return 204, None, {}
        if steps[:3] != ["repos", "someone", "watchdog"] or steps[3:4] != ["issues"]:
            return 404, {"message": "Not Found"}, {}
        if method == "GET":
            return self._page(parse_qs(parts.query), parts.path)
        if method == "POST" and steps[5:] == ["comments"]:
            self.comments.append((int(steps[4]), fields["body"]))
            return 201, {"body": fields["body"]}, {}
        if method == "POST":
            assert set(fields) <= {"title", "body"}
            return 201, self.add(fields["title"], fields["body"]), {}
        issue = self.issues[int(steps[4]) - 1]
        assert set(fields) <= {"title", "body", "state", "state_reason"}
        issue |= fields
        return 200, issue, {}

    def _page(self, query: dict[str, list[str]], path: str) -> Response:
        state = query.get("state", ["open"])[0]
        size = self.per_page or min(int(query.get("per_page", ["30"])[0]), 100)
        page = int(query.get("page", ["1"])[0])
        issues = [i for i in self.issues if state in ("all", i["state"])]
        headers = {}
        if page * size < len(issues):
            rest = f"{self.url}{path}?state={state}&per_page={size}&page={page + 1}"
            headers["Link"] = f'<{rest}>; rel="next", <{rest}>; rel="last"'
        return 200, issues[(page - 1) * size : page * size], headers
