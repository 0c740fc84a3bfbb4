"""OpenTelemetry's Flask instrumentation: requests become spans, kept in memory by the SDK."""

import functools

import flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SABOTAGE = [
    "opentelemetry/instrumentation/flask/__init__.py:FlaskInstrumentor.instrument_app",
    "opentelemetry/instrumentation/flask/__init__.py:FlaskInstrumentor._instrument",
    "opentelemetry/instrumentation/flask/__init__.py:_wrapped_before_request",
    "opentelemetry/instrumentation/flask/__init__.py:_wrapped_teardown_request",
]


@functools.lru_cache(maxsize=None)
def set_up_tracing():
    """Where the spans of this process go: its tracer provider can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def start():
    """An exporter without spans."""
    exporter = set_up_tracing()
    exporter.clear()
    return exporter


def add_routes(app):
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/hello/<name>")
    def hello(name):
        with trace.get_tracer(__name__).start_as_current_span("greeting"):
            return "Hello " + name

    @app.route("/fail")
    def fail():
        return "failed", 500

    return app


def status_of(span):
    """The attribute was renamed when HTTP's semantic conventions became stable."""
    attributes = span.attributes
    return attributes.get("http.status_code", attributes.get("http.response.status_code"))


def test_span():
    """A request to an instrumented application becomes a span named after its route"""
    exporter = start()
    app = add_routes(flask.Flask(__name__))
    FlaskInstrumentor().instrument_app(app)
    assert app.test_client().get("/hello/Ada").data == b"Hello Ada"
    inner, outer = exporter.get_finished_spans()
    assert outer.name in ("/hello/<name>", "GET /hello/<name>")
    assert outer.kind == trace.SpanKind.SERVER and outer.parent is None
    assert outer.attributes["http.route"] == "/hello/<name>" and status_of(outer) == 200
    assert inner.name == "greeting" and inner.parent.span_id == outer.context.span_id


def test_distributed_trace():
    """A request with a traceparent header continues the caller's trace"""
    exporter = start()
    app = add_routes(flask.Flask(__name__))
    FlaskInstrumentor().instrument_app(app)
    header = "00-%032x-%016x-01" % (0xABCDEF, 0x123456)
    app.test_client().get("/hello/Ada", headers={"traceparent": header})
    inner, outer = exporter.get_finished_spans()
    assert outer.context.trace_id == inner.context.trace_id == 0xABCDEF
    assert outer.parent.span_id == 0x123456


def test_status():
    """A failed request is a span with an error, an unknown path one without a route"""
    exporter = start()
    app = add_routes(flask.Flask(__name__))
    FlaskInstrumentor().instrument_app(app)
    client = app.test_client()
    assert client.get("/fail").status_code == 500
    assert client.get("/nothing").status_code == 404
    failed, missing = exporter.get_finished_spans()
    assert status_of(failed) == 500 and not failed.status.is_ok
    assert status_of(missing) == 404 and "http.route" not in missing.attributes


def test_every_application():
    """After instrument() every new application is instrumented, until uninstrument()"""
    exporter = start()
    FlaskInstrumentor().instrument()
    try:
        app = add_routes(flask.Flask(__name__))
        assert app.test_client().get("/hello/Ada").data == b"Hello Ada"
    finally:
        FlaskInstrumentor().uninstrument()
    assert [span.kind.name for span in exporter.get_finished_spans()] == ["INTERNAL", "SERVER"]
    exporter.clear()
    plain = add_routes(flask.Flask(__name__))
    assert plain.test_client().get("/hello/Ada").data == b"Hello Ada"
    assert [span.name for span in exporter.get_finished_spans()] == ["greeting"]
