"""a2wsgi makes an application one for ASGI, which uvicorn serves."""

import concurrent.futures
import time

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "a2wsgi/wsgi.py:WSGIResponder.start_response",
    "a2wsgi/wsgi.py:Body.read",
    "uvicorn/server.py:Server.serve",
]

ASGI = """from a2wsgi import WSGIMiddleware
from hello import app

asgi_app = WSGIMiddleware(app)
"""


def test_uvicorn():
    """uvicorn main:asgi_app serves the application, two requests at the same time"""
    with started("-m", "uvicorn", "--port", "$PORT", "main:asgi_app", main=ASGI) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_end():
    """A server that is told to end answers the request it has"""
    serve = ["-m", "uvicorn", "--port", "$PORT", "main:asgi_app"]
    with started(*serve, main=ASGI) as (address, process):
        fetch(address + "/hello/ada")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(fetch, address + "/slow")
            time.sleep(0.4)
            process.terminate()
            assert answer.result() == (200, "finished")
        process.wait(20)
