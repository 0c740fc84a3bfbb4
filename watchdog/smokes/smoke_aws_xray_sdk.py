"""AWS X-Ray's SDK: requests to a Flask application are traced to a daemon on loopback."""

import contextlib
import json
import socket

import flask
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.ext.flask.middleware import XRayMiddleware

SABOTAGE = [
    "aws_xray_sdk/ext/flask/middleware.py:XRayMiddleware._before_request",
    "aws_xray_sdk/ext/flask/middleware.py:XRayMiddleware._after_request",
    "aws_xray_sdk/core/emitters/udp_emitter.py:UDPEmitter.send_entity",
]


@contextlib.contextmanager
def traced_client():
    """Give a client of a traced application, and a function that returns what the daemon got."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(10)
        app = flask.Flask(__name__)
        where = "127.0.0.1:%d" % daemon.getsockname()[1]
        xray_recorder.configure(service="Shop", sampling=False, daemon_address=where)
        XRayMiddleware(app, xray_recorder)

        @app.route("/hello/<name>")
        def hello(name):
            with xray_recorder.in_subsegment("greet") as subsegment:
                subsegment.put_annotation("name", name)
            return "Hello"

        @app.route("/fail")
        def fail():
            raise ValueError("no such thing")

        def received():
            return json.loads(daemon.recv(65536).split(b"\n", 1)[1])

        yield app.test_client(), received


def test_segment():
    """A request is a segment with its URL, its status and the subsegments of the view"""
    with traced_client() as (client, received):
        assert client.get("/hello/ada").data == b"Hello"
        segment = received()
    assert segment["name"] == "Shop"
    assert segment["http"]["request"]["url"] == "http://localhost/hello/ada"
    assert segment["http"]["response"]["status"] == 200
    (subsegment,) = segment["subsegments"]
    assert subsegment["annotations"] == {"name": "ada"}


def test_failure():
    """An exception of a view is a fault of the segment, with its message"""
    with traced_client() as (client, received):
        assert client.get("/fail").status_code == 500
        segment = received()
    assert segment["fault"] is True
    assert segment["cause"]["exceptions"][0]["message"] == "no such thing"


def test_header():
    """A trace that began elsewhere is continued"""
    trace = "1-5759e988-bd862e3fe1be46a994272793"
    with traced_client() as (client, received):
        response = client.get("/hello/ada", headers={"X-Amzn-Trace-Id": "Root=%s" % trace})
        assert received()["trace_id"] == trace
    assert trace in response.headers["X-Amzn-Trace-Id"]
