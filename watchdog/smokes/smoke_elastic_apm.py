"""Elastic's APM agent in a Flask application: requests and errors reach a server on loopback."""

import contextlib
import gzip
import json
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer

import flask
from elasticapm.contrib.flask import ElasticAPM

SABOTAGE = [
    "elasticapm/contrib/flask/__init__.py:ElasticAPM.request_started",
    "elasticapm/contrib/flask/__init__.py:ElasticAPM.handle_exception",
    "elasticapm/transport/base.py:Transport.queue",
]


@contextlib.contextmanager
def server():
    """A stand-in for the APM server; gives its address and what it received."""
    events = []

    class Receiver(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b'{"version": "8.0.0"}')

        def do_POST(self):
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while True:
                    size = int(self.rfile.readline(), 16)
                    body += self.rfile.read(size)
                    self.rfile.readline()
                    if not size:
                        break
            else:
                body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            elif self.headers.get("Content-Encoding") == "deflate":
                body = zlib.decompress(body)
            events.extend(json.loads(line) for line in body.splitlines() if line[:1] == b"{")
            self.answer(b"{}")

        def answer(self, body):
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % http.server_port, events
    finally:
        http.shutdown()
        http.server_close()


def reported(kind, path, status=200):
    """Return what of a kind a request to an application leads to."""
    with server() as (url, events):
        app = flask.Flask(__name__)
        app.config["ELASTIC_APM"] = {
            "SERVICE_NAME": "shop",
            "SERVER_URL": url,
            "METRICS_INTERVAL": "0s",
            "CENTRAL_CONFIG": False,
            "CLOUD_PROVIDER": "none",
        }
        apm = ElasticAPM(app)

        @app.route("/hello/<name>")
        def hello(name):
            return "Hello"

        @app.route("/fail")
        def fail():
            raise ValueError("no such thing")

        @app.route("/message")
        def message():
            apm.capture_message("out of tea")
            return "told"

        with app.test_client().get(path) as response:  # the transaction ends when it is closed
            assert response.status_code == status
        apm.client.close()  # as at the end of a process: what waits is sent
        deadline = time.monotonic() + 10
        while not any(kind in event for event in events) and time.monotonic() < deadline:
            time.sleep(0.05)
    (event,) = [event[kind] for event in events if kind in event]
    return event


def test_transaction():
    """A request is a transaction, named after its rule, with its result"""
    transaction = reported("transaction", "/hello/ada")
    assert transaction["name"] == "GET /hello/<name>"
    assert transaction["result"] == "HTTP 2xx"
    assert transaction["context"]["request"]["url"]["pathname"] == "/hello/ada"


def test_error():
    """An exception of a view is reported with its type, its message and its place"""
    error = reported("error", "/fail", status=500)
    assert error["exception"]["type"] == "ValueError"
    assert "no such thing" in error["exception"]["message"]
    assert error["culprit"].endswith("fail")


def test_message():
    """capture_message() reports a text"""
    assert reported("error", "/message")["log"]["message"] == "out of tea"
