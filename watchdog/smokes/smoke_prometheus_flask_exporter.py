"""prometheus-flask-exporter: metrics of every request, and of one's own, at /metrics."""

from flask import Flask, request
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics

SABOTAGE = [
    "prometheus_flask_exporter/__init__.py:PrometheusMetrics.init_app",
    "prometheus_flask_exporter/__init__.py:PrometheusMetrics.export_defaults",
    "prometheus_flask_exporter/__init__.py:PrometheusMetrics.counter",
    "prometheus_flask_exporter/__init__.py:PrometheusMetrics.info",
]


def create_app():
    """A new application, and its metrics in a registry of their own."""
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    return app, PrometheusMetrics(app, registry=CollectorRegistry())


def measured(client):
    """The samples at /metrics: name and labels to value."""
    response = client.get("/metrics")
    assert response.status_code == 200 and response.mimetype == "text/plain"
    lines = response.get_data(as_text=True).splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def test_defaults():
    """Each request is counted and timed by method, path and status"""
    app, metrics = create_app()

    @app.route("/hello")
    def hello():
        return "Hello"

    client = app.test_client()
    assert [client.get("/hello").data, client.get("/hello").data] == [b"Hello"] * 2
    assert client.get("/nothing").status_code == 404
    samples = measured(client)
    timed = "flask_http_request_duration_seconds_"
    assert samples['flask_http_request_total{method="GET",status="200"}'] == 2
    assert samples['flask_http_request_total{method="GET",status="404"}'] == 1
    assert samples[timed + 'count{method="GET",path="/hello",status="200"}'] == 2
    assert 0 < samples[timed + 'sum{method="GET",path="/hello",status="200"}'] < 5


def test_own_metrics():
    """A view has a counter with labels and a histogram of its own, another is not tracked"""
    app, metrics = create_app()

    @app.route("/items/<kind>")
    @metrics.counter("items", "Items asked for", labels={"kind": lambda: request.view_args["kind"]})
    @metrics.histogram("sizes", "Answers", labels={"status": lambda r: r.status_code})
    def items(kind):
        return "no " + kind

    @app.route("/skip")
    @metrics.do_not_track()
    def skip():
        return "skipped"

    client = app.test_client()
    assert client.get("/items/apple").data == b"no apple"
    assert client.get("/items/pear").data == b"no pear"
    assert client.get("/items/pear").data == b"no pear"
    assert client.get("/skip").data == b"skipped"
    samples = measured(client)
    assert samples['items_total{kind="apple"}'] == 1 and samples['items_total{kind="pear"}'] == 2
    assert samples['sizes_count{status="200"}'] == 3
    assert not any("/skip" in name for name in samples)


def test_factory():
    """Metrics made before the application belong to it after init_app, with static information"""
    metrics = PrometheusMetrics(app=None, registry=CollectorRegistry())
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/hello")
    def hello():
        return "Hello"

    metrics.init_app(app)
    metrics.info("shop_info", "About the shop", version="1.0")
    client = app.test_client()
    assert client.get("/hello").data == b"Hello"
    samples = measured(client)
    assert samples['shop_info{version="1.0"}'] == 1
    assert samples['flask_http_request_total{method="GET",status="200"}'] == 1


def test_exception():
    """A request that ends in an exception is counted as one"""
    app, metrics = create_app()
    app.config.update(TESTING=False)

    @app.route("/fail")
    def fail():
        raise ValueError("no")

    client = app.test_client()
    assert client.get("/fail").status_code == 500
    samples = measured(client)
    assert samples['flask_http_request_exceptions_total{method="GET",status="500"}'] == 1
