"""cheroot serves an application as Flask's documentation of servers expects of a WSGI server."""

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "cheroot/wsgi.py:Gateway.respond",
    "cheroot/server.py:HTTPServer.serve",
    "cheroot/wsgi.py:Gateway_10.get_environ",
]

WSGI = """import os
import signal
from cheroot.wsgi import PathInfoDispatcher, Server
from hello import app

where = PathInfoDispatcher({'/': app, '/below': app}) if os.environ.get('BELOW') else app
server = Server(('127.0.0.1', int(os.environ['PORT'])), where, numthreads=4)


def end(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, end)
try:
    server.start()
except KeyboardInterrupt:
    server.stop()
    print('stopped')
"""


def test_server():
    """python main.py with cheroot's Server serves the application"""
    with started("main.py", main=WSGI) as (address, _):
        use(address)


def test_threads():
    """Two requests that wait are answered at the same time"""
    with started("main.py", main=WSGI) as (address, _):
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_dispatcher():
    """An application is served below a path"""
    main = "import os\nos.environ['BELOW'] = '1'\n" + WSGI
    with started("main.py", main=main) as (address, _):
        assert fetch(address + "/below/hello/ada") == (200, "Hello, ada! http")


def test_graceful_end():
    """Asked to end, it stops by itself"""
    with started("main.py", main=WSGI) as (address, process):
        use(address)
        process.terminate()
        assert process.wait(10) == 0
