"""Flask-Bootstrap: Bootstrap 3 base template, forms and messages."""

import re

from flask import Flask, flash, redirect, render_template_string
from flask_bootstrap import Bootstrap
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import DataRequired

SABOTAGE = [
    "flask_bootstrap/__init__.py:Bootstrap.init_app",
    "flask_bootstrap/__init__.py:bootstrap_find_resource",
    "flask_bootstrap/__init__.py:StaticCDN.get_resource_url",
    "flask_bootstrap/__init__.py:WebCDN.get_resource_url",
]

PAGE = """{% extends "bootstrap/base.html" %}
{% import "bootstrap/wtf.html" as wtf %}
{% from "bootstrap/utils.html" import flashed_messages %}
{% block title %}This is an example page{% endblock %}
{% block content %}<h1>Hello, Bootstrap</h1>
{{ flashed_messages() }}
{% if form %}{{ wtf.quick_form(form, form_type=form_type) }}{% endif %}
{% endblock %}"""


class HelloForm(FlaskForm):
    name = StringField("Your name", validators=[DataRequired()])
    remember = BooleanField("Remember me")
    submit = SubmitField("Go")


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    Bootstrap(app)

    @app.route("/")
    def index():
        return render_template_string(PAGE)

    @app.route("/form/<form_type>", methods=["GET", "POST"])
    def hello(form_type):
        form = HelloForm()
        if form.validate_on_submit():
            flash("Hello " + form.name.data, "error")
            return redirect("/")
        return render_template_string(PAGE, form=form, form_type=form_type)

    return app


def get(client, path):
    response = client.get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_base_template():
    """A page that extends the base template has title, content and Bootstrap's files"""
    body = get(create_app().test_client(), "/")
    assert "<title>This is an example page</title>" in body
    assert "<h1>Hello, Bootstrap</h1>" in body
    assert re.search(r'<link href="//[^"]+/bootstrap.min.css" rel="stylesheet">', body)
    assert re.search(r'<script src="//[^"]+/jquery.min.js"></script>', body)
    assert re.search(r'<script src="//[^"]+/bootstrap.min.js"></script>', body)


def test_local_files():
    """Bootstrap's files are served by the application"""
    client = create_app(BOOTSTRAP_SERVE_LOCAL=True).test_client()
    urls = re.findall('(?:href|src)="(/static/bootstrap/[^"]+)"', get(client, "/"))
    assert len(urls) == 3
    for url in urls:
        with client.get(url) as response:
            assert response.status_code == 200
            assert len(response.data) > 1000


def test_quick_form():
    """A form is rendered with Bootstrap's classes and its errors"""
    client = create_app().test_client()
    body = get(client, "/form/basic")
    assert '<form action="" method="post"' in re.sub(r"\s+", " ", body)
    assert '<label class="control-label" for="name">Your name</label>' in body
    assert 'class="form-control"' in body
    assert '<div class="checkbox">' in body
    assert 'class="btn btn-default"' in body
    assert body.count('name="csrf_token"') == 1
    data = {"csrf_token": re.search('csrf_token"[^>]* value="([^"]+)"', body).group(1)}
    body = client.post("/form/basic", data=data).get_data(as_text=True)
    assert "has-error" in body
    assert '<p class="help-block">This field is required.</p>' in body
    assert "form-horizontal" in get(client, "/form/horizontal")


def test_flashed_messages():
    """A flashed message is shown in Bootstrap's colours"""
    client = create_app(WTF_CSRF_ENABLED=False).test_client()
    data = {"name": "ada"}
    response = client.post("/form/basic", data=data, follow_redirects=True)
    body = response.get_data(as_text=True)
    assert "alert alert-danger" in body
    assert "Hello ada" in body
