"""cachelib: the cache of Flask's documentation, with a decorator for views."""

import functools

import flask
from cachelib import FileSystemCache, NullCache, SimpleCache

SABOTAGE = [
    "cachelib/simple.py:SimpleCache.set",
    "cachelib/file.py:FileSystemCache.get",
    "cachelib/base.py:BaseCache.get_many",
]


def create_client(cache):
    app = flask.Flask(__name__)
    calls = []

    def cached(timeout=5 * 60, key="view/{}"):
        def decorator(view):
            @functools.wraps(view)
            def decorated(*args, **kwargs):
                cache_key = key.format(flask.request.path)
                answer = cache.get(cache_key)
                if answer is None:
                    answer = view(*args, **kwargs)
                    cache.set(cache_key, answer, timeout=timeout)
                return answer

            return decorated

        return decorator

    @app.route("/hello/<name>")
    @cached()
    def hello(name):
        calls.append(name)
        return "Hello, %s!" % name

    return app.test_client(), calls


def test_cached_view():
    """A view that is decorated as Flask's documentation shows runs once for each path"""
    client, calls = create_client(SimpleCache())
    for name in ("ada", "ada", "bob"):
        assert client.get("/hello/" + name).data.decode() == "Hello, %s!" % name
    assert calls == ["ada", "bob"]


def test_files():
    """A cache of files is the same for another process"""
    client, calls = create_client(FileSystemCache("cache", threshold=100))
    client.get("/hello/ada")
    client, calls = create_client(FileSystemCache("cache", threshold=100))
    assert client.get("/hello/ada").data == b"Hello, ada!"
    assert calls == []


def test_values():
    """Values are added, counted, taken together, deleted and forgotten"""
    for cache in (SimpleCache(), FileSystemCache("values")):
        assert cache.set_many({"a": 1, "b": [2]})
        assert cache.get_many("a", "b", "c") == [1, [2], None]
        assert cache.inc("a", 4) == 5 and cache.has("a")
        assert not cache.add("a", 7) and cache.get("a") == 5
        assert cache.delete("a") and cache.get("a") is None
        assert cache.clear() and cache.get("b") is None
    assert NullCache().get("a") is None
