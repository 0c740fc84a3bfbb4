"""gevent serves an application as Flask's documentation starts it."""

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "gevent/pywsgi.py:WSGIHandler.run_application",
    "gevent/pywsgi.py:WSGIHandler.handle_one_response",
    "gevent/pywsgi.py:WSGIServer.handle",
    "gunicorn/workers/ggevent.py:GeventWorker.run",
]

WSGI = """import os
from gevent.pywsgi import WSGIServer
from hello import create_app

app = create_app()
http_server = WSGIServer(('127.0.0.1', int(os.environ['PORT'])), app)
http_server.serve_forever()
"""
PATCHED = "from gevent import monkey\nmonkey.patch_all()\n" + WSGI
ENDING = """import signal
import gevent
""" + PATCHED.replace(
    "http_server.serve",
    "gevent.signal_handler(signal.SIGTERM, http_server.stop)\nhttp_server.serve",
)


def test_server():
    """python wsgi.py with gevent's WSGIServer serves the application"""
    with started("wsgi.py", wsgi=WSGI) as (address, _):
        use(address)


def test_patched():
    """After monkey.patch_all() two requests that wait are answered at the same time"""
    with started("wsgi.py", wsgi=PATCHED) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_end():
    """A server that a signal stops ends its program without an error"""
    with started("wsgi.py", wsgi=ENDING) as (address, process):
        assert fetch(address + "/hello/ada") == (200, "Hello, ada! http")
        process.terminate()
        assert process.wait(20) == 0


def test_gunicorn_worker():
    """gunicorn -k gevent answers two requests at the same time in one process"""
    serve = ["-m", "gunicorn", "-k", "gevent", "-b", "127.0.0.1:$PORT", "hello:create_app()"]
    with started(*serve) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]
