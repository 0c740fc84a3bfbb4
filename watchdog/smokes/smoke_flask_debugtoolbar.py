"""Flask-DebugToolbar: a toolbar in the pages of an application under development."""

import re

from flask import Flask, redirect, render_template_string
from flask_debugtoolbar import DebugToolbarExtension

SABOTAGE = [
    "flask_debugtoolbar/__init__.py:DebugToolbarExtension.init_app",
    "flask_debugtoolbar/__init__.py:DebugToolbarExtension.process_view",
    "flask_debugtoolbar/__init__.py:DebugToolbarExtension.send_static_file",
    "flask_debugtoolbar/toolbar.py:DebugToolbar.render_toolbar",
]

PAGE = "<html><body>hello {{ name }}</body></html>"


def create_app(debug=True, **config):
    app = Flask(__name__)
    app.debug = debug
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    toolbar = DebugToolbarExtension()
    toolbar.init_app(app)

    @app.route("/hello/<name>")
    def hello(name):
        app.logger.warning("the name is %s", name.upper())
        return render_template_string(PAGE, name=name)

    @app.route("/data")
    def data():
        return app.response_class('{"a": 1}', mimetype="application/json")

    @app.route("/old")
    def old():
        return redirect("/hello/ada")

    return app


def test_toolbar_in_the_page():
    """A page brings the toolbar with its panels, before the end of its body"""
    body = create_app().test_client().get("/hello/ada?colour=red").get_data(as_text=True)
    assert body.startswith("<html><body>hello ada")
    assert body.endswith("</body></html>")
    assert 'id="flDebug"' in body
    for panel in ["Versions", "Time", "HTTP Headers", "Templates", "Log Messages"]:
        assert panel in body
    assert "the name is ADA" in body
    assert "colour" in body


def test_files_of_the_toolbar():
    """The scripts of the toolbar are served"""
    client = create_app().test_client()
    body = client.get("/hello/ada").get_data(as_text=True)
    url = re.search('src="([^"]+/toolbar.js)"', body).group(1)
    with client.get(url) as response:
        assert response.status_code == 200
        assert b"flDebug" in response.data


def test_redirect_is_intercepted():
    """A redirect is shown as a page with a link, unless that is switched off"""
    response = create_app().test_client().get("/old")
    assert response.status_code == 200
    assert b"/hello/ada" in response.data
    client = create_app(DEBUG_TB_INTERCEPT_REDIRECTS=False).test_client()
    assert client.get("/old").status_code == 302


def test_only_where_wanted():
    """No toolbar in JSON, nor in an application that is not in debug mode"""
    assert create_app().test_client().get("/data").data == b'{"a": 1}'
    client = create_app(debug=False).test_client()
    assert client.get("/hello/ada").data == b"<html><body>hello ada</body></html>"
