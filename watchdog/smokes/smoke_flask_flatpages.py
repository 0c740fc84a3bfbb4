"""Flask-FlatPages: pages kept as Markdown files with a YAML header."""

import os

from flask import Flask, render_template_string
from flask_flatpages import FlatPages

SABOTAGE = [
    "flask_flatpages/flatpages.py:FlatPages.init_app",
    "flask_flatpages/flatpages.py:FlatPages._parse",
    "flask_flatpages/flatpages.py:FlatPages.get_or_404",
    "flask_flatpages/utils.py:pygmented_markdown",
]

HELLO = """title: Hello, page
published: 2010-12-22
tags: [flask, pages]

Hello, *World*!

- first
- second
"""
SECOND = """title: Second
published: 2011-01-02

More about **that**.
"""
PAGE = "<h1>{{ page.title }}</h1>{{ page.html|safe }}"
LIST = "{% for page in articles %}{{ page.path }}: {{ page.title }}\n{% endfor %}"


def write(root, name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def create_app(root, **config):
    write(root, "hello.md", HELLO)
    write(root, "blog/second.md", SECOND)
    write(root, "notes.txt", "not a page")
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(FLATPAGES_ROOT=root, FLATPAGES_EXTENSION=".md", FLATPAGES_AUTO_RELOAD=False)
    app.config.update(config)
    pages = FlatPages(app)

    @app.route("/")
    def index():
        articles = sorted(pages, reverse=True, key=lambda page: page.meta["published"])
        return render_template_string(LIST, articles=articles)

    @app.route("/<path:path>/")
    def page(path):
        return render_template_string(PAGE, page=pages.get_or_404(path))

    @app.route("/tags/<path:path>")
    def tags(path):
        return ",".join(pages.get(path).meta.get("tags", []))

    return app


def test_page_is_rendered():
    """A page is shown as HTML with the title of its header"""
    client = create_app(os.path.abspath("rendered")).test_client()
    body = client.get("/hello/").get_data(as_text=True)
    assert body.startswith("<h1>Hello, page</h1>")
    assert "<p>Hello, <em>World</em>!</p>" in body
    assert "<li>second</li>" in body
    assert "<strong>that</strong>" in client.get("/blog/second/").get_data(as_text=True)


def test_meta_and_list():
    """Pages are listed by the date in their header, from all the folders"""
    client = create_app(os.path.abspath("listed")).test_client()
    body = client.get("/").get_data(as_text=True)
    assert body.split("\n")[:2] == ["blog/second: Second", "hello: Hello, page"]
    assert client.get("/tags/hello").data == b"flask,pages"


def test_missing_page():
    """A page that is not there is answered with 404"""
    client = create_app(os.path.abspath("missing")).test_client()
    assert client.get("/nothing/").status_code == 404
    assert client.get("/notes/").status_code == 404
    assert client.get("/hello/").status_code == 200


def test_auto_reload():
    """With auto reload an edited page is shown at the next request"""
    root = os.path.abspath("reloaded")
    client = create_app(root, FLATPAGES_AUTO_RELOAD=True).test_client()
    assert b"World" in client.get("/hello/").data
    path = write(root, "hello.md", "title: Edited\n\nHello, *again*!\n")
    os.utime(path, (2000000000, 2000000000))
    body = client.get("/hello/").get_data(as_text=True)
    assert body.startswith("<h1>Edited</h1>")
    assert "<em>again</em>" in body
