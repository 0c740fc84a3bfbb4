"""Flask-Caching: cached views and memoized functions, in memory, on disk and in Redis."""

import importlib.util
import inspect
import os
import unittest
import uuid

from flask import Flask, render_template_string, request
from flask_caching import Cache, backends

SABOTAGE = [
    "flask_caching/__init__.py:Cache.cached",
    "flask_caching/__init__.py:Cache.memoize",
    "flask_caching/__init__.py:Cache.delete_memoized",
    "flask_caching/backends/filesystemcache.py:FileSystemCache.factory",
    "flask_caching/jinja2ext.py:CacheExtension._cache",
]


def backend(name, old_name):
    """CACHE_TYPE was "simple" before the backends had a factory, "SimpleCache" since."""
    return name if hasattr(getattr(backends, name), "factory") else old_name


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(CACHE_TYPE=backend("SimpleCache", "simple"), CACHE_DEFAULT_TIMEOUT=300)
    app.config.update(config)
    return app


def test_cached_view():
    """A cached view runs once; clearing the cache runs it again."""
    app = create_app()
    cache = Cache(app)
    calls = []

    @app.route("/")
    @cache.cached(timeout=50)
    def index():
        calls.append(1)
        return "call %d" % len(calls)

    client = app.test_client()
    assert client.get("/").data == b"call 1"
    assert client.get("/").data == b"call 1"
    with app.app_context():
        cache.clear()
    assert client.get("/").data == b"call 2"


def test_cached_by_query_string():
    """With query_string=True each query has an entry of its own."""
    cache = Cache()
    app = create_app()
    cache.init_app(app)
    calls = []

    @app.route("/search")
    @cache.cached(query_string=True)
    def search():
        calls.append(request.args["q"])
        return "%s %d" % (request.args["q"], len(calls))

    client = app.test_client()
    assert client.get("/search?q=a&page=1").data == b"a 1"
    assert client.get("/search?q=b").data == b"b 2"
    assert client.get("/search?page=1&q=a").data == b"a 1"


def test_memoize():
    """A memoized function is remembered by its arguments until it is deleted."""
    app = create_app()
    cache = Cache(app)
    calls = []

    @cache.memoize(50)
    def add(a, b=1):
        calls.append((a, b))
        return a + b

    with app.app_context():
        assert [add(1), add(1, b=1), add(2), add(1)] == [2, 2, 3, 2]
        assert calls == [(1, 1), (2, 1)]
        cache.delete_memoized(add, 1)
        assert [add(1), add(2)] == [2, 3]
        assert calls == [(1, 1), (2, 1), (1, 1)]


def test_filesystem():
    """Values kept in files are there for another application."""
    folder = os.path.abspath("cache")
    config = dict(CACHE_TYPE=backend("FileSystemCache", "filesystem"), CACHE_DIR=folder)
    app = create_app(**config)
    cache = Cache(app)
    with app.app_context():
        assert cache.set("answer", {"value": 42})
    assert os.listdir(folder)
    other = create_app(**config)
    other_cache = Cache(other)
    with other.app_context():
        assert other_cache.get("answer") == {"value": 42}
        other_cache.delete("answer")
        assert other_cache.get("answer") is None


def test_redis():
    """Values are kept in a Redis server."""
    if not os.environ.get("WATCHDOG_REDIS") or not importlib.util.find_spec("redis"):
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS) and the redis package")
    app = create_app(
        CACHE_TYPE=backend("RedisCache", "redis"),
        CACHE_REDIS_URL=os.environ["WATCHDOG_REDIS"],
        CACHE_KEY_PREFIX=uuid.uuid4().hex,
    )
    cache = Cache(app)
    with app.app_context():
        assert cache.set("answer", {"value": 42})
        assert cache.get("answer") == {"value": 42}
        cache.delete("answer")
        assert cache.get("answer") is None


def test_template_tag():
    """What stands between {% cache %} and {% endcache %} is rendered once"""
    app = create_app()
    cache = Cache(app)
    calls = []

    @app.route("/<name>")
    def page(name):
        calls.append(name)
        template = "{% cache 60, 'user', name %}{{ calls|length }}{% endcache %} of {{ name }}"
        return render_template_string(template, name=name, calls=calls)

    client = app.test_client()
    assert client.get("/ada").data == b"1 of ada"
    assert client.get("/bob").data == b"2 of bob"
    assert client.get("/ada").data == b"1 of ada"
    with app.app_context():
        cache.clear()
    assert client.get("/ada").data == b"4 of ada"


def test_memoized_method():
    """A memoized method is remembered for each object, and forgotten for one or for all"""
    app = create_app()
    cache = Cache(app)

    class Adder:
        def __init__(self, number):
            self.number, self.calls = number, 0

        @cache.memoize(50)
        def add(self, other):
            self.calls += 1
            return self.number + other

        def __repr__(self):
            return "Adder(%d)" % self.number

    one, two = Adder(1), Adder(2)
    with app.app_context():
        assert [one.add(1), one.add(1), two.add(1), two.add(1)] == [2, 2, 3, 3]
        assert (one.calls, two.calls) == (1, 1)
        cache.delete_memoized(one.add)
        assert [one.add(1), two.add(1)] == [2, 3]
        assert (one.calls, two.calls) == (2, 1)
        cache.delete_memoized(Adder.add)
        assert [one.add(1), two.add(1)] == [2, 3]
        assert (one.calls, two.calls) == (3, 2)


def test_unless_and_response_filter():
    """A view is not cached while "unless" holds, or where the filter refuses its response"""
    app = create_app()
    cache = Cache(app)
    if "response_filter" not in inspect.signature(Cache.cached).parameters:
        raise unittest.SkipTest("response_filter is new in Flask-Caching 1.8")
    calls = []

    @app.route("/<int:status>")
    @cache.cached(
        unless=lambda: "fresh" in request.args,
        response_filter=lambda response: response[1] == 200,
    )
    def page(status):
        calls.append(status)
        return "call %d" % len(calls), status

    client = app.test_client()
    assert [client.get("/200").data for _ in range(2)] == [b"call 1", b"call 1"]
    assert client.get("/200?fresh=1").data == b"call 2"
    assert [client.get("/503").data for _ in range(2)] == [b"call 3", b"call 4"]
