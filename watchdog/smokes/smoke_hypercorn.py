"""Hypercorn serves an application by asgiref, as Flask's documentation of ASGI starts it."""

import concurrent.futures
import time

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "hypercorn/run.py:run",
    "hypercorn/asyncio/tcp_server.py:TCPServer.run",
    "asgiref/wsgi.py:WsgiToAsgiInstance.run_wsgi_app",
]

ASGI = """from asgiref.wsgi import WsgiToAsgi
from hello import app

asgi_app = WsgiToAsgi(app)
"""


def test_asgi():
    """hypercorn module:asgi_app serves the application that asgiref wraps"""
    serve = ["-m", "hypercorn", "-b", "127.0.0.1:$PORT", "module:asgi_app"]
    with started(*serve, module=ASGI) as (address, _):
        use(address)


def test_wsgi():
    """hypercorn serves the application itself, which it sees to be WSGI"""
    with started("-m", "hypercorn", "-b", "127.0.0.1:$PORT", "hello:app") as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_end():
    """A server that is told to end answers the request it has, and ends without an error"""
    with started("-m", "hypercorn", "-b", "127.0.0.1:$PORT", "hello:app") as (address, process):
        fetch(address + "/hello/ada")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(fetch, address + "/slow")
            time.sleep(0.4)
            process.terminate()
            assert answer.result() == (200, "finished")
        assert process.wait(20) == 0
