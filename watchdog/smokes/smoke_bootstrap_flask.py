"""Bootstrap-Flask: Bootstrap's files, forms, navigation, messages and tables in templates."""

import re
import unittest

import flask_bootstrap
from flask import Flask, flash, redirect, render_template_string
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import DataRequired

try:
    from flask_bootstrap import Bootstrap5 as Bootstrap

    MACROS = "bootstrap5"
except ImportError:
    from flask_bootstrap import Bootstrap

    MACROS = "bootstrap"

SABOTAGE = [
    "flask_bootstrap/__init__.py:_Bootstrap.init_app",
    "flask_bootstrap/__init__.py:_Bootstrap.load_css",
    "flask_bootstrap/__init__.py:_Bootstrap.load_js",
    "flask_bootstrap/__init__.py:is_hidden_field_filter",
]

BASE = """<head>{{ bootstrap.load_css() }}</head><body>{{ bootstrap.load_js() }}</body>"""
FORM = """{% from "MACROS/form.html" import render_form %}{{ render_form(form) }}"""
NAV = """{% from "MACROS/nav.html" import render_nav_item %}
{{ render_nav_item("index", "Home") }}{{ render_nav_item("nav", "Here") }}"""
MESSAGES = """{% from "MACROS/utils.html" import render_messages %}{{ render_messages() }}"""
TABLE = """{% from "MACROS/table.html" import render_table %}
{{ render_table([{"id": 1, "text": "<tea>"}], titles=[("id", "No."), ("text", "Message")]) }}"""


class HelloForm(FlaskForm):
    name = StringField("Your name", validators=[DataRequired()])
    remember = BooleanField("Remember me")
    submit = SubmitField()


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    bootstrap = Bootstrap()
    bootstrap.init_app(app)

    def render(template, **values):
        return render_template_string(template.replace("MACROS", MACROS), **values)

    @app.route("/")
    def index():
        return render(BASE)

    @app.route("/form", methods=["GET", "POST"])
    def hello():
        form = HelloForm()
        if form.validate_on_submit():
            flash("Hello " + form.name.data, "success")
            return redirect("/messages")
        return render(FORM, form=form)

    app.add_url_rule("/nav", "nav", lambda: render(NAV))
    app.add_url_rule("/messages", "messages", lambda: render(MESSAGES))
    app.add_url_rule("/table", "table", lambda: render(TABLE))
    return app


def test_css_and_js():
    """A page loads Bootstrap from the network, or from the extension's own files"""
    body = create_app().test_client().get("/").get_data(as_text=True)
    assert re.search(r'<link rel="stylesheet" href="https://[^"]+/bootstrap.min.css"', body)
    assert re.search(r'<script src="https://[^"]+/bootstrap.min.js"', body)
    client = create_app(BOOTSTRAP_SERVE_LOCAL=True).test_client()
    body = client.get("/").get_data(as_text=True)
    urls = re.findall('(?:href|src)="(/[^"]+)"', body)
    assert len(urls) >= 3
    for url in urls:
        with client.get(url) as response:
            assert response.status_code == 200
            assert len(response.data) > 1000


def test_form():
    """A form is rendered with Bootstrap's classes and its errors; its messages are shown"""
    client = create_app().test_client()
    body = client.get("/form").get_data(as_text=True)
    assert '<form action="" method="post"' in body
    assert "form-control" in body
    assert "form-check-input" in body
    assert re.search('<input class="btn btn-[a-z]+[^>]*type="submit"', body)
    assert body.count('name="csrf_token"') == 1
    data = {"csrf_token": re.search('csrf_token"[^>]* value="([^"]+)"', body).group(1)}
    assert "invalid-feedback" in client.post("/form", data=data).get_data(as_text=True)
    response = client.post("/form", data=dict(data, name="ada"), follow_redirects=True)
    body = response.get_data(as_text=True)
    assert "alert alert-success" in body
    assert "Hello ada" in body


def test_navigation():
    """The item of the current page is marked in the navigation"""
    body = create_app().test_client().get("/nav").get_data(as_text=True)
    assert re.search(r'nav-link\s*"\s+href="/"', body)
    assert re.search(r'nav-link\s+active"[^>]*\s+href="/nav"', body)


def test_table():
    """A list of records becomes a table"""
    if not hasattr(flask_bootstrap, "get_table_titles"):
        raise unittest.SkipTest("there were no tables before Bootstrap-Flask 1.4")
    body = create_app().test_client().get("/table").get_data(as_text=True)
    assert '<table class="table">' in body
    assert '<th scope="col">Message</th>' in body
    assert "<td>&lt;tea&gt;</td>" in re.sub(r"\s+(?=[<&])|(?<=>)\s+", "", body)
