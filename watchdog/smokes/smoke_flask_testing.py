"""Flask-Testing: unittest cases with a client and assertions, and with a live server."""

import importlib.util
import unittest
from urllib.request import urlopen

from flask import Flask, flash, jsonify, redirect, render_template
from flask_testing import LiveServerTestCase, TestCase
from jinja2 import DictLoader

SABOTAGE = [
    "flask_testing/utils.py:TestCase._pre_setup",
    "flask_testing/utils.py:TestCase.assertTemplateUsed",
    "flask_testing/utils.py:TestCase.assertStatus",
    "flask_testing/utils.py:LiveServerTestCase._spawn_live_server",
]


def create_app():
    app = Flask(__name__)
    app.secret_key = "a secret key of at least 32 bytes"
    app.config.update(TESTING=True, LIVESERVER_PORT=0)
    app.jinja_loader = DictLoader({"hello.html": "<b>{{ name }}</b>"})

    @app.route("/hello")
    def hello():
        return render_template("hello.html", name="Ada")

    @app.route("/ajax")
    def ajax():
        return jsonify(success=True)

    @app.route("/old")
    def old():
        flash("moved", "info")
        return redirect("/hello")

    return app


class Case(TestCase):
    def create_app(self):
        return create_app()


def run(case):
    """Run the case as a unittest runner does; its first failure is raised here."""
    result = unittest.TestResult()
    problems = []
    result.addError = result.addFailure = lambda test, problem: problems.append(problem[1])
    case(result)
    if problems:
        raise problems[0]
    assert result.testsRun == 1


def needs_signals():
    """Which template was used and what was flashed is told by signals."""
    if importlib.util.find_spec("blinker") is None:
        raise unittest.SkipTest("Flask has signals only with blinker, which is not installed")


def test_client():
    """A test case has a client, the application's context, JSON responses and status assertions"""

    class ClientCase(Case):
        def runTest(self):
            response = self.client.get("/ajax")
            self.assert200(response)
            assert response.json == {"success": True}
            with self.assertRaises(AssertionError):
                self.assert_404(response)

    run(ClientCase())


def test_templates():
    """A test case knows which template was used, with which context"""
    needs_signals()

    class TemplateCase(Case):
        def runTest(self):
            assert self.client.get("/hello").data == b"<b>Ada</b>"
            self.assert_template_used("hello.html")
            self.assert_context("name", "Ada")
            with self.assertRaises(AssertionError):
                self.assertTemplateUsed("other.html")

    run(TemplateCase())


def test_no_rendering():
    """With render_templates off a template is not rendered, but known to be used"""
    needs_signals()

    class UnrenderedCase(Case):
        render_templates = False

        def runTest(self):
            assert self.client.get("/hello").data == b""
            self.assert_template_used("hello.html")

    run(UnrenderedCase())


def test_redirect():
    """A test case asserts where a view redirects to and what it flashed"""
    needs_signals()

    class RedirectCase(Case):
        def runTest(self):
            self.assertRedirects(self.client.get("/old"), "/hello")
            self.assert_message_flashed("moved", "info")

    run(RedirectCase())


def test_live_server():
    """A live server answers real requests while a test case runs"""

    class LiveCase(LiveServerTestCase):
        def create_app(self):
            return create_app()

        def runTest(self):
            with urlopen(self.get_server_url() + "/hello", timeout=5) as response:
                assert response.read() == b"<b>Ada</b>"

    run(LiveCase())
