"""Starlette itself: what every application does with Starlette and AnyIO (the core control)."""

import asyncio
import contextlib
import threading

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

SABOTAGE = [
    "starlette/routing.py:Router.app",
    "starlette/responses.py:Response.__call__",
    "starlette/staticfiles.py:StaticFiles.get_response",
    "starlette/middleware/cors.py:CORSMiddleware.simple_response",
]


def scope_of(kind, path, **parts):
    path, _, query = path.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "path": path,
        "root_path": "",
        "query_string": query.encode(),
        "headers": [],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
        "extensions": {},
        **parts,
    }


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

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = scope_of("http", path, method=method, scheme="http", headers=raw)
    asyncio.run(app(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(m.get("body", b"") for m in sent[1:])


def test_routes_and_json():
    """A route gets its parameters, another reads JSON, a missing page is a 404"""

    async def hello(request):
        name, page = request.path_params["name"], request.query_params.get("page", "1")
        return PlainTextResponse("Hello %s, page %s" % (name, page))

    async def add(request):
        return JSONResponse({"sum": sum(await request.json())}, status_code=201)

    app = Starlette(routes=[Route("/hello/{name}", hello), Route("/add", add, methods=["POST"])])
    assert ask(app, "/hello/Ada?page=7")[2] == b"Hello Ada, page 7"
    status, headers, body = ask(app, "/add", "POST", body=b"[1, 2, 3]")
    assert (status, headers["content-type"], body) == (201, "application/json", b'{"sum":6}')
    assert ask(app, "/add")[0] == 405
    assert ask(app, "/nowhere")[0] == 404


def test_errors_and_middleware():
    """An error has its own page, and a middleware adds its headers"""

    async def teapot(request):
        raise HTTPException(status_code=418, detail="short and stout")

    async def on_error(request, error):
        return JSONResponse({"error": error.detail}, status_code=error.status_code)

    app = Starlette(
        routes=[Route("/", teapot)],
        exception_handlers={HTTPException: on_error},
        middleware=[Middleware(CORSMiddleware, allow_origins=["https://friend.example"])],
    )
    status, headers, body = ask(app, "/", headers=[("Origin", "https://friend.example")])
    assert (status, body) == (418, b'{"error":"short and stout"}')
    assert headers["access-control-allow-origin"] == "https://friend.example"


def test_threads_and_background_tasks():
    """A plain function runs in a thread, and a task after the answer"""
    done = []

    def slow(request):
        where = threading.current_thread() is threading.main_thread()
        return JSONResponse({"main": where}, background=BackgroundTask(done.append, 1))

    assert ask(Starlette(routes=[Route("/", slow)]), "/")[2] == b'{"main":false}'
    assert done == [1]


def test_streams_and_files():
    """A streamed answer comes whole, and a folder is served"""

    async def numbers():
        for number in range(3):
            await anyio.sleep(0)
            yield "%d " % number

    async def stream(request):
        return StreamingResponse(numbers(), media_type="text/plain")

    with open("page.txt", "w") as file:
        file.write("a page")
    files = Mount("/static", StaticFiles(directory="."))
    app = Starlette(routes=[Route("/", stream), files])
    assert ask(app, "/")[2] == b"0 1 2 "
    status, headers, body = ask(app, "/static/page.txt")
    assert (status, headers["content-length"], body) == (200, "6", b"a page")
    assert ask(app, "/static/none.txt")[0] == 404


def test_websocket_and_lifespan():
    """A socket echoes, in an application that was started and is stopped"""
    told = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        told.append("up")
        yield
        told.append("down")

    async def echo(socket):
        await socket.accept()
        await socket.send_text("You said " + await socket.receive_text())
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/echo", echo)], lifespan=lifespan)

    def talk(scope, *messages):
        asked, sent = list(messages), []

        async def receive():
            return asked.pop(0)

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        return [m["type"] for m in sent], [m["text"] for m in sent if "text" in m]

    talk(
        {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}},
        {"type": "lifespan.startup"},
        {"type": "lifespan.shutdown"},
    )
    assert told == ["up", "down"]
    kinds, texts = talk(
        scope_of("websocket", "/echo", scheme="ws", subprotocols=[]),
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
    )
    assert kinds == ["websocket.accept", "websocket.send", "websocket.close"]
    assert texts == ["You said hello"]
