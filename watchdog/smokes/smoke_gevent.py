"""gevent serves an application as Flask's documentation starts it."""

import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SABOTAGE = [
    "gevent/pywsgi.py:WSGIHandler.run_application",
    "gevent/pywsgi.py:WSGIHandler.handle_one_response",
    "gevent/monkey/api.py:patch_module",
]

APPLICATION = """import threading
import time
from flask import Flask, request

together = threading.Barrier(2)


def create_app():
    app = Flask(__name__)

    @app.route('/hello/<name>')
    def hello(name):
        return f'Hello, {name}! {request.scheme}'

    @app.route('/echo', methods=['POST'])
    def echo():
        return {'length': len(request.get_data()), 'type': request.content_type}

    @app.route('/stream')
    def stream():
        return (f'line {n}\\n' for n in range(3)), {'Content-Type': 'text/plain'}

    @app.route('/slow')
    def slow():
        time.sleep(1)
        return 'finished'

    @app.route('/together')
    def both():
        together.wait(20)
        return 'met'

    @app.route('/fail')
    def fail():
        return {}['no such key']

    return app


app = create_app()
"""


def fetch(url, data=None):
    """Ask a server; return status and body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextlib.contextmanager
def started(*command, **files):
    """Start a server of the application on $PORT; gives its address and its process."""
    for name, text in dict(files, hello=APPLICATION).items():
        with open(name + ".py", "w") as file:
            file.write(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable] + [part.replace("$PORT", str(port)) for part in command]
    env = dict(os.environ, PORT=str(port), PYTHONPATH=os.getcwd())
    with open("server.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with open("server.log") as log:
                said = log.read().strip().splitlines()[-1:]
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)
        yield "http://127.0.0.1:%d" % port, process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def use(address):
    """Ask for what an application answers: text, JSON, a stream, errors."""
    assert fetch(address + "/hello/ada") == (200, "Hello, ada! http")
    status, text = fetch(address + "/echo", b"x" * 100000)
    assert (status, json.loads(text)["length"]) == (200, 100000)
    assert fetch(address + "/stream") == (200, "line 0\nline 1\nline 2\n")
    assert fetch(address + "/nothing")[0] == 404
    assert fetch(address + "/fail")[0] == 500


def fetch_two(url):
    """Ask twice at the same time; return both answers."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(fetch, [url, url]))


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
