"""Starlette-WTF as its documentation introduces it: forms with CSRF protection."""

import asyncio
import re
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette_wtf import CSRFProtectMiddleware, StarletteForm, csrf_protect
from wtforms import StringField
from wtforms.validators import DataRequired, ValidationError

SABOTAGE = [
    "starlette_wtf/form.py:StarletteForm.validate_on_submit",
    "starlette_wtf/form.py:StarletteForm.from_formdata",
    "starlette_wtf/util.py:generate_csrf",
    "starlette_wtf/util.py:validate_csrf",
]
FORM = ("Content-Type", "application/x-www-form-urlencoded")


class NameForm(StarletteForm):
    name = StringField("Name", validators=[DataRequired("a name is needed")])

    async def async_validate_name(self, field):
        if field.data == "taken":
            raise ValidationError("this name is taken")


async def greet(request):
    form = await NameForm.from_formdata(request)
    if await form.validate_on_submit():
        return PlainTextResponse("Hello " + form.name.data)
    token = form.csrf_token() if "csrf_token" in form else ""
    return PlainTextResponse("%s %s %s" % (form.name(), token, form.errors))


def create_app(enabled=True):
    view = csrf_protect(greet) if enabled else greet
    protection = Middleware(CSRFProtectMiddleware, enabled=enabled, csrf_secret="k" * 32)
    return Starlette(
        routes=[Route("/", view, methods=["GET", "POST"])],
        middleware=[Middleware(SessionMiddleware, secret_key="s" * 32), protection],
    )


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


def test_a_form_is_shown_and_taken():
    """A form is shown with its fields, and what is sent is taken"""
    app = create_app(enabled=False)
    status, _, body = ask(app, "/")
    assert status == 200
    assert re.search(r'<input id="name" name="name"', body)
    assert ask(app, "/", "POST", [FORM], b"name=Ada")[2] == "Hello Ada"


def test_what_does_not_hold_is_told():
    """What a validator says stands in the errors, of one that awaits too"""
    app = create_app(enabled=False)
    assert "a name is needed" in ask(app, "/", "POST", [FORM], b"name=")[2]
    assert "this name is taken" in ask(app, "/", "POST", [FORM], b"name=taken")[2]


def test_csrf_protection():
    """Only what carries the token of its own session is taken"""
    app = create_app()
    _, headers, body = ask(app, "/")
    cookie = ("Cookie", headers["set-cookie"].partition(";")[0])
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', body).group(1)
    sent = urlencode({"name": "Ada", "csrf_token": token}).encode()
    assert ask(app, "/", "POST", [FORM, cookie], sent)[::2] == (200, "Hello Ada")
    assert ask(app, "/", "POST", [FORM], sent)[0] == 403
    assert ask(app, "/", "POST", [FORM, cookie], b"name=Ada")[0] == 403
