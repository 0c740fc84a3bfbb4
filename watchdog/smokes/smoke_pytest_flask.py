"""pytest-flask: fixtures for the tests of an application, run by a pytest of their own."""

import os
import re
import subprocess
import sys
import tempfile

import pytest_flask.plugin  # noqa: F401  (pytest loads it by its entry point)

SABOTAGE = [
    "pytest_flask/fixtures.py:client",
    "pytest_flask/plugin.py:_push_request_context",
    "pytest_flask/plugin.py:_configure_application",
    "pytest_flask/live_server.py:LiveServer.start",
]

CONFTEST = """
import pytest
from flask import Flask, jsonify, request

@pytest.fixture(scope="session")
def app():
    app = Flask("shop")
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config["SERVER_NAME"] = "localhost"

    @app.route("/ping")
    def ping():
        return jsonify(ping="pong", wanted=request.headers.get("Accept"))

    return app
"""


def run_pytest(source):
    """What pytest prints about a file of tests; they all have to pass."""
    folder = tempfile.mkdtemp(dir=os.getcwd())
    for name, text in [
        ("conftest.py", CONFTEST),
        ("test_shop.py", source),
        ("pytest.ini", "[pytest]\n"),
    ]:
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        universal_newlines=True,
    )
    if run.returncode != 0:
        fail_as_pytest_showed(run.stdout)
    return run.stdout


def fail_as_pytest_showed(output):
    """Raise the last exception of pytest's report again: its class and its message."""
    errors = re.findall(r"^E +(?:\w+\.)*(\w+(?:Error|Exception|Warning)): (.+)", output, re.M)
    if errors:
        name, message = errors[-1]
        raise type(name, (AssertionError,), {"__module__": "builtins"})(message)
    raise AssertionError("\n".join(re.findall(r"^E   +\S.*", output, re.M)) or output)


def test_client():
    """The client fixture makes requests, url_for works inside a test"""
    source = """
from flask import url_for

def test_ping(client, accept_json):
    response = client.get(url_for("ping"), headers=accept_json)
    assert response.status_code == 200
    assert response.json == {"ping": "pong", "wanted": "application/json"}

def test_not_found(client):
    assert client.get("/nothing").status_code == 404
"""
    assert "2 passed" in run_pytest(source)


def test_config():
    """The config fixture is the application's, and a mark changes it for one test"""
    source = """
import pytest

@pytest.mark.options(shop_name="Marked")
def test_marked(config):
    assert config["SHOP_NAME"] == "Marked"

def test_plain(app, config):
    assert config is app.config
    assert config["TESTING"] and "SHOP_NAME" not in config
"""
    assert "2 passed" in run_pytest(source)


def test_client_class():
    """A test class gets the client as its attribute"""
    source = """
import pytest

@pytest.mark.usefixtures("client_class")
class TestShop:
    def test_ping(self):
        assert self.client.get("/ping").status_code == 200
"""
    assert "1 passed" in run_pytest(source)


def test_live_server():
    """The live_server fixture serves the application to real requests"""
    source = """
import json
from urllib.request import urlopen
from flask import url_for

def test_ping(live_server):
    with urlopen(url_for("ping", _external=True), timeout=5) as response:
        assert json.load(response)["ping"] == "pong"
"""
    assert "1 passed" in run_pytest(source)
