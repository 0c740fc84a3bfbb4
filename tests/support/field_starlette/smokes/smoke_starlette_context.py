"""starlette-context as its documentation introduces it: a request's values, wherever one is."""

import asyncio
import json

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette_context import context, plugins, request_cycle_context
from starlette_context.middleware import RawContextMiddleware

SABOTAGE = [
    "starlette_context/middleware/raw_middleware.py:RawContextMiddleware.set_context",
    "starlette_context/plugins/base.py:Plugin.process_request",
    "starlette_context/plugins/base.py:PluginUUIDBase.enrich_response",
    "starlette_context/ctx.py:_Context.data",
]


def deep_inside():
    context["seen"] = context.get("seen", 0) + 1
    return context.data


async def view(request):
    deep_inside()
    return JSONResponse(deep_inside())


def create_app(*used):
    middleware = Middleware(RawContextMiddleware, plugins=tuple(plugin() for plugin in used))
    return Starlette(routes=[Route("/", view)], middleware=[middleware])


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


def test_values_live_as_long_as_a_request():
    """What is kept in the context is there in every function, and gone with the request"""
    app = create_app()
    assert json.loads(ask(app, "/")[2]) == {"seen": 2}
    assert json.loads(ask(app, "/")[2]) == {"seen": 2}
    assert not context.exists()


def test_ids_come_with_the_request_and_go_with_the_answer():
    """A request's ids are taken from its headers, or made, and stand in the answer"""
    app = create_app(plugins.RequestIdPlugin, plugins.CorrelationIdPlugin)
    given = "5c0b9b1e-6f3c-4a0e-9d7e-2f9f7c7d5a11"
    _, headers, body = ask(app, "/", headers=[("X-Request-ID", given.replace("-", ""))])
    told = json.loads(body)
    assert told["X-Request-ID"].replace("-", "") == given.replace("-", "")
    assert headers["x-request-id"] == told["X-Request-ID"]
    assert headers["x-correlation-id"] == told["X-Correlation-ID"]
    assert told["X-Correlation-ID"] != json.loads(ask(app, "/")[2])["X-Correlation-ID"]


def test_what_a_browser_says_of_itself():
    """Headers become values of the context"""
    app = create_app(plugins.UserAgentPlugin, plugins.ForwardedForPlugin)
    sent = [("User-Agent", "watchdog"), ("X-Forwarded-For", "192.0.2.1")]
    told = json.loads(ask(app, "/", headers=sent)[2])
    assert (told["User-Agent"], told["X-Forwarded-For"]) == ("watchdog", "192.0.2.1")


def test_outside_of_a_request():
    """Without a request there is a context for as long as one is asked for"""
    with request_cycle_context({"key": "value"}):
        assert context.data == {"key": "value"}
    assert not context.exists()
