"""Datadog's tracer in a Flask application: its traces reach an agent on loopback."""

import contextlib
import os
import signal
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgpack
from serving import fetch, started

SABOTAGE = [
    "ddtrace/contrib/internal/flask/patch.py:patch",
    "ddtrace/commands/ddtrace_run.py:_add_bootstrap_to_pythonpath",
    "ddtrace/propagation/http.py:HTTPPropagator.extract",
    "ddtrace/_trace/processor/__init__.py:SpanAggregator.on_span_finish",
]

TYPE = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"

APP = """import os
from hello import app

if __name__ == '__main__':
    app.run(port=int(os.environ['PORT']))
"""

FIELDS = "service name resource trace_id span_id parent_id start duration error meta metrics type"


def spans_in(path, body):
    """Return the spans that were sent, of which version 0.5 sends each text once, by its number."""
    if path == "/v0.4/traces":
        return [span for trace in msgpack.unpackb(body) for span in trace]
    texts, traces = msgpack.unpackb(body, strict_map_key=False)
    spans = [dict(zip(FIELDS.split(), values)) for trace in traces for values in trace]
    for span in spans:
        span.update({field: texts[span[field]] for field in ("service", "name", "resource")})
        span["meta"] = {texts[name]: texts[value] for name, value in span["meta"].items()}
    return spans


@contextlib.contextmanager
def agent():
    """A stand-in for the Datadog agent; gives the spans that it received."""
    spans = []

    class Receiver(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b'{"version": "7.60.0", "endpoints": ["/v0.4/traces", "/v0.5/traces"]}')

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path in ("/v0.4/traces", "/v0.5/traces"):
                spans.extend(spans_in(self.path, body))
            self.answer(b'{"rate_by_service": {"service:,env:": 1}}')

        do_POST = do_PUT

        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    os.environ["DD_TRACE_AGENT_URL"] = "http://127.0.0.1:%d" % http.server_port
    os.environ["DD_SERVICE"] = "shop"
    os.environ["DD_INSTRUMENTATION_TELEMETRY_ENABLED"] = "false"
    os.environ["DD_REMOTE_CONFIGURATION_ENABLED"] = "false"
    try:
        yield spans
    finally:
        http.shutdown()
        http.server_close()


def request_to(path, spans):
    """Return the span of the request to a path; waits for it, as it is sent after a second."""
    deadline = time.monotonic() + 10
    while True:
        for span in list(spans):
            if span["name"] == "flask.request" and span["meta"]["http.url"].endswith(path):
                return span
        assert time.monotonic() < deadline, "the agent received %s" % spans
        time.sleep(0.05)


def test_flask_run():
    """ddtrace-run flask run: requests and errors are traced, named after their rule"""
    os.environ["FLASK_APP"] = "hello"
    serve = ["ddtrace-run", "flask", "run", "-p", "$PORT"]
    with agent() as spans, started("-c", TYPE, *serve) as (address, _):
        assert fetch(address + "/hello/ada") == (200, "Hello, ada! http")
        hello = request_to("/hello/ada", spans)
        assert (hello["service"], hello["resource"]) == ("shop", "GET /hello/<name>")
        assert hello["meta"]["http.status_code"] == "200" and not hello["error"]
        assert hello["meta"]["flask.view_args.name"] == "ada"
        assert fetch(address + "/fail")[0] == 500
        fail = request_to("/fail", spans)
        assert fail["meta"]["http.status_code"] == "500" and fail["error"] == 1
        (view,) = [span for span in spans if span["resource"] == "/fail"]
        assert view["meta"]["error.type"].endswith("KeyError")


def test_program():
    """ddtrace-run python app.py continues the trace of its caller, and sends all when it ends"""
    serve = ["ddtrace-run", "python", "app.py"]
    caller = {"x-datadog-trace-id": "123", "x-datadog-parent-id": "45"}
    with agent() as spans:
        with started("-c", TYPE, *serve, app=APP) as (address, process):
            request = urllib.request.Request(address + "/hello/ada", headers=caller)
            assert fetch(request) == (200, "Hello, ada! http")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        hello = request_to("/hello/ada", spans)
        assert (hello["trace_id"], hello["parent_id"]) == (123, 45)
