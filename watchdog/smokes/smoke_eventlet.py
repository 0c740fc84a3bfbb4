"""eventlet serves an application as Flask's documentation starts it."""

from serving import fetch_two, started, use

SABOTAGE = [
    "eventlet/wsgi.py:HttpProtocol.handle_one_response",
    "eventlet/wsgi.py:server",
    "eventlet/patcher.py:monkey_patch",
    "gunicorn/workers/geventlet.py:EventletWorker.run",
]

WSGI = """import os
import eventlet
from eventlet import wsgi
from hello import create_app

app = create_app()
wsgi.server(eventlet.listen(('127.0.0.1', int(os.environ['PORT']))), app)
"""


def test_server():
    """python main.py with eventlet's wsgi.server serves the application"""
    with started("main.py", main=WSGI) as (address, _):
        use(address)


def test_patched():
    """After monkey_patch() two requests that wait are answered at the same time"""
    patched = "import eventlet\neventlet.monkey_patch()\n" + WSGI
    with started("main.py", main=patched) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_gunicorn_worker():
    """gunicorn -k eventlet answers two requests at the same time in one process"""
    serve = ["-m", "gunicorn", "-k", "eventlet", "-b", "127.0.0.1:$PORT", "hello:create_app()"]
    with started(*serve) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]
