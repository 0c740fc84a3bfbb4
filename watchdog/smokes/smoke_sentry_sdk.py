"""Sentry's SDK in a Flask application: errors and requests are reported to a server on loopback."""

import contextlib
import gzip
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import flask
import sentry_sdk
from sentry_sdk.integrations.flask import FlaskIntegration

SABOTAGE = [
    "sentry_sdk/integrations/flask.py:FlaskIntegration.setup_once",
    "sentry_sdk/client.py:_Client.capture_event",
    "sentry_sdk/envelope.py:Envelope.serialize_into",
]


@contextlib.contextmanager
def server():
    """A stand-in for Sentry's server; gives its address and the events that it received."""
    events = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            lines = [json.loads(line) for line in body.splitlines() if line[:1] == b"{"]
            events.extend(line for line in lines if "event_id" in line and "platform" in line)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://key@127.0.0.1:%d/1" % http.server_port, events
    finally:
        http.shutdown()
        http.server_close()


def create_app():
    app = flask.Flask(__name__)

    @app.route("/debug-sentry/<name>")
    def trigger_error(name):
        sentry_sdk.set_tag("page", "debug")
        return str(1 / (len(name) - len(name)))

    @app.route("/log")
    def log():
        logging.getLogger("shop").error("no %s left", "tea")
        return "logged"

    @app.route("/message")
    def message():
        sentry_sdk.capture_message("something happened")
        return "sent"

    @app.route("/fine")
    def fine():
        return "fine"

    return app


def reported(*paths, **options):
    """Return the events that requests to an application lead to, the first first."""
    with server() as (dsn, events):
        sentry_sdk.init(dsn=dsn, integrations=[FlaskIntegration()], **options)
        client = create_app().test_client()
        for path in paths:
            client.get(path, headers={"User-Agent": "smoke"})
        sentry_sdk.flush(10)
    return events


def test_error():
    """An exception of a view is reported with its type, its request and its tags"""
    (event,) = reported("/debug-sentry/ada?x=1")
    error = event["exception"]["values"][-1]
    assert error["type"] == "ZeroDivisionError"
    assert error["stacktrace"]["frames"][-1]["function"] == "trigger_error"
    assert event["request"]["url"] == "http://localhost/debug-sentry/ada"
    assert event["request"]["query_string"] == "x=1" and event["tags"]["page"] == "debug"
    assert event["transaction"] == "trigger_error"


def test_messages():
    """A message and an error in the log are reported, what is fine is not"""
    message, log = reported("/fine", "/message", "/log")
    assert message["message"] == "something happened"
    assert log["logger"] == "shop" and log["logentry"]["params"] == ["tea"]


def test_transactions():
    """With traces_sample_rate each request is reported, named after its endpoint"""
    (event,) = reported("/fine", traces_sample_rate=1.0)
    assert event["type"] == "transaction" and event["transaction"] == "fine"
    assert event["contexts"]["trace"]["op"] == "http.server"
