"""Flask-Redis: a Redis client configured by the application, as in its README."""

import os
import unittest
import uuid

from flask import Flask
from flask_redis import FlaskRedis

SABOTAGE = [
    "flask_redis/client.py:FlaskRedis.init_app",
    "flask_redis/client.py:FlaskRedis.from_custom_provider",
    "flask_redis/client.py:FlaskRedis.__getattr__",
    "flask_redis/client.py:FlaskRedis.__setitem__",
]


class DictRedis(dict):
    """A stand-in for a Redis client, as the README does with mockredis."""

    @classmethod
    def from_url(cls, url, **kwargs):
        return cls(url=url, **kwargs)

    def ping(self):
        return "pong"


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(config)
    return app


def create_redis_app():
    if not os.environ.get("WATCHDOG_REDIS"):
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS)")
    return create_app(REDIS_URL=os.environ["WATCHDOG_REDIS"])


def test_configuration():
    """The client is made from REDIS_URL and found among the application's extensions"""
    app = create_app(REDIS_URL="redis://:sesame@redis.example:6380/7")
    redis_client = FlaskRedis(app, decode_responses=True)
    options = redis_client.connection_pool.connection_kwargs
    assert [options[n] for n in ("host", "port", "db", "password")] == [
        "redis.example",
        6380,
        7,
        "sesame",
    ]
    assert options["decode_responses"] is True
    assert app.extensions["redis"] is redis_client


def test_several_clients():
    """A second client has a configuration prefix of its own"""
    app = create_app(REDIS_URL="redis://one.example/1", CACHE_URL="redis://two.example/2")
    first, second = FlaskRedis(), FlaskRedis(config_prefix="CACHE")
    first.init_app(app)
    second.init_app(app)
    assert first.connection_pool.connection_kwargs["host"] == "one.example"
    assert second.connection_pool.connection_kwargs["host"] == "two.example"


def test_custom_provider():
    """A class of one's own stands behind the client"""
    redis_client = FlaskRedis.from_custom_provider(DictRedis)
    redis_client.init_app(create_app(REDIS_URL="redis://one.example/1"), extra="more")
    assert redis_client.ping() == "pong"
    assert redis_client["url"] == "redis://one.example/1" and redis_client["extra"] == "more"
    redis_client["answer"] = 42
    assert redis_client.get("answer") == 42
    del redis_client["answer"]
    assert redis_client.get("answer") is None


def test_views():
    """A view counts its visits in a Redis server"""
    app = create_redis_app()
    redis_client = FlaskRedis(app)
    key = "smoke:" + uuid.uuid4().hex

    @app.route("/")
    def index():
        return str(redis_client.incr(key))

    client = app.test_client()
    try:
        assert [client.get("/").data for _ in range(3)] == [b"1", b"2", b"3"]
        assert redis_client.get(key) == b"3"
    finally:
        redis_client.delete(key)


def test_items():
    """Keys are read, written and deleted in brackets"""
    redis_client = FlaskRedis(create_redis_app(), decode_responses=True)
    key = "smoke:" + uuid.uuid4().hex
    redis_client[key] = "pear"
    assert redis_client[key] == "pear"
    del redis_client[key]
    assert not redis_client.exists(key)
