"""sse-starlette as its documentation introduces it: events that a server sends."""

import asyncio
import json

from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.routing import Route

SABOTAGE = [
    "sse_starlette/sse.py:EventSourceResponse.__call__",
    "sse_starlette/sse.py:EventSourceResponse._stream_response",
    "sse_starlette/event.py:ServerSentEvent.encode",
]


def create_app(events, **options):
    async def stream(request):
        return EventSourceResponse(events(), **options)

    return Starlette(routes=[Route("/", stream)])


def ask(app, path, method="GET", headers=(), body=b""):
    """What a server gets for a request: status, headers, body."""
    sent = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if not asked:
            await asyncio.sleep(60)
        return asked.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": "",
        "query_string": b"",
        "extensions": {},
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
    }
    asyncio.run(app(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(m.get("body", b"") for m in sent[1:]).decode()


def test_events_are_sent_as_the_protocol_says():
    """What is yielded arrives as events, with its headers"""

    async def events():
        for number in range(2):
            yield {"event": "tick", "id": str(number), "data": json.dumps({"n": number})}

    status, headers, body = ask(create_app(events), "/")
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert "no-store" in headers["cache-control"] or "no-cache" in headers["cache-control"]
    parts = [part.splitlines() for part in body.strip().split("\r\n\r\n")]
    assert [set(part) for part in parts] == [
        {"event: tick", "id: %d" % n, 'data: {"n": %d}' % n} for n in range(2)
    ]


def test_plain_text_and_event_objects():
    """Plain text is data, several lines of it stay together, and an object carries the rest"""

    async def events():
        yield "one\ntwo"
        yield ServerSentEvent("three", event="named", retry=500, comment="said aside", sep="\n")

    body = ask(create_app(events, sep="\n"), "/")[2]
    assert "data: one\ndata: two\n\n" in body
    for line in ("event: named", "data: three", "retry: 500", ": said aside"):
        assert line + "\n" in body


def test_work_beside_the_stream():
    """A generator that waits and an own header do no harm"""

    async def events():
        yield {"data": "before"}
        await asyncio.sleep(0.01)
        yield {"data": "after"}

    _, headers, body = ask(create_app(events, headers={"X-Own": "yes"}, ping=60), "/")
    assert headers["x-own"] == "yes"
    assert body.index("data: before") < body.index("data: after")
