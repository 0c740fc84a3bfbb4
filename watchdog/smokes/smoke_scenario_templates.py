"""Templates as Flask tutorials introduce them: files that extend a base, loops, static files."""

import os

from flask import Flask, render_template, url_for

SABOTAGE = [
    "flask/templating.py:render_template",
    "flask/templating.py:_default_template_ctx_processor",
    "flask/app.py:Flask.create_jinja_environment",
    "flask/app.py:Flask.send_static_file",
]

FILES = {
    "templates/base.html": """<html><head>
<title>{% block title %}Welcome to Microblog{% endblock %}</title>
<link rel="stylesheet" href="{{ url_for('static', filename='style.css') }}">
</head><body>
<div>Microblog: <a href="{{ url_for('index') }}">Home</a></div>
{% block content %}{% endblock %}
</body></html>
""",
    "templates/index.html": """{% extends "base.html" %}
{% block title %}{{ title }} - {{ super() }}{% endblock %}
{% block content %}
{% from "_macros.html" import post_item with context %}
<h1>Hi, {{ user.username }}!</h1>
{% for post in posts if post.body %}{{ post_item(post, loop.index) }}
{% else %}<p>No posts yet</p>{% endfor %}
{% include "_footer.html" %}
{% endblock %}
""",
    "templates/_macros.html": """{% macro post_item(post, number) -%}
<p>{{ number }}. {{ post.author.username }} says: <b>{{ post.body }}</b>
{{- " (you)" if post.author == user }}</p>
{%- endmacro %}
""",
    "templates/_footer.html": "<p>{{ request.path }} {{ config['COMPANY'] }} {{ year() }}</p>\n",
    "static/style.css": "body { color: black }\n",
}


def create_app():
    for path, text in FILES.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    app = Flask(
        __name__,
        template_folder=os.path.abspath("templates"),
        static_folder=os.path.abspath("static"),
    )
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes", COMPANY="ACME")

    @app.context_processor
    def utilities():
        return {"year": lambda: 2020}

    @app.route("/index")
    def index():
        susan, john = {"username": "Susan"}, {"username": "John"}
        posts = [
            {"author": john, "body": "Beautiful day in Portland!"},
            {"author": john, "body": ""},
            {"author": susan, "body": "<script>"},
        ]
        return render_template("index.html", title="Home", user=susan, posts=posts)

    @app.route("/empty")
    def empty():
        return render_template("index.html", title="Empty", user={"username": "<Bob>"}, posts=[])

    return app


def get(path):
    response = create_app().test_client().get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_inheritance():
    """A page fills the blocks of the base it extends, keeps the rest and includes a footer"""
    page = get("/index")
    assert "<title>Home - Welcome to Microblog</title>" in page
    assert '<div>Microblog: <a href="/index">Home</a></div>' in page
    assert "<p>/index ACME 2020</p>" in page


def test_loops_and_conditions():
    """Posts are listed by a loop and a macro; what users typed is escaped"""
    page = get("/index")
    assert "<p>1. John says: <b>Beautiful day in Portland!</b></p>" in page
    assert "<p>2. Susan says: <b>&lt;script&gt;</b> (you)</p>" in page
    assert "No posts yet" not in page
    page = get("/empty")
    assert "<h1>Hi, &lt;Bob&gt;!</h1>" in page
    assert "<p>No posts yet</p>" in page


def test_static_files():
    """url_for names a static file, and the file is served there"""
    app = create_app()
    with app.test_request_context():
        url = url_for("static", filename="style.css")
    assert url == "/static/style.css"
    assert '<link rel="stylesheet" href="/static/style.css">' in get("/index")
    response = app.test_client().get(url)
    assert response.data == b"body { color: black }\n"
    assert response.headers["Content-Type"].startswith("text/css")
    response.close()
