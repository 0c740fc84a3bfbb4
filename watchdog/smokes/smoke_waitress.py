"""waitress serves an application as Flask's documentation starts it."""

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "waitress/task.py:WSGITask.execute",
    "waitress/runner.py:run",
    "waitress/server.py:create_server",
]

WSGI = """import os
from waitress import serve
from hello import app

serve(app, host='127.0.0.1', port=int(os.environ['PORT']), threads=2)
"""


def test_command():
    """waitress-serve hello:app serves the application"""
    with started("-m", "waitress", "--listen=127.0.0.1:$PORT", "hello:app") as (address, _):
        use(address)


def test_factory():
    """waitress-serve --call calls the factory; --url-prefix moves the application"""
    serve = ["-m", "waitress", "--listen=127.0.0.1:$PORT", "--url-prefix=/blog", "--call"]
    with started(*(serve + ["hello:create_app"])) as (address, _):
        assert fetch(address + "/blog/hello/ada") == (200, "Hello, ada! http")


def test_program():
    """A program that calls serve(app) answers two requests at the same time"""
    with started("wsgi.py", wsgi=WSGI) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]
