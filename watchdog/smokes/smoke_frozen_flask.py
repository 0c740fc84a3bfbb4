"""Frozen-Flask: an application written out as static files."""

import os

from flask import Flask, render_template_string, url_for
from flask_frozen import Freezer

SABOTAGE = [
    "flask_frozen/__init__.py:Freezer.init_app",
    "flask_frozen/__init__.py:Freezer._build_one",
    "flask_frozen/__init__.py:Freezer.make_static_app",
    "flask_frozen/__init__.py:relative_url_for",
]

INDEX = """<a href="{{ url_for('product', name='tea') }}">tea</a>"""
PRODUCT = """<h1>{{ name }}</h1><a href="{{ url_for('index') }}">all</a>"""


def create_app(name, **config):
    folder = os.path.abspath(os.path.join(name, "static"))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "style.css"), "w") as file:
        file.write("h1 { color: red }")
    app = Flask(__name__, static_folder=folder, static_url_path="/static")
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(FREEZER_DESTINATION=os.path.abspath(os.path.join(name, "build")))
    app.config.update(config)

    @app.route("/")
    def index():
        return render_template_string(INDEX)

    @app.route("/product/<name>/")
    def product(name):
        return render_template_string(PRODUCT, name=name)

    @app.route("/robots.txt")
    def robots():
        return app.response_class(url_for("index", _external=True), mimetype="text/plain")

    return app


def built(app, *names):
    with open(os.path.join(app.config["FREEZER_DESTINATION"], *names)) as file:
        return file.read()


def test_freeze():
    """All pages that are linked, and the static files, are written"""
    app = create_app("freeze")
    urls = Freezer(app).freeze()
    assert set(urls) == {"/", "/product/tea/", "/robots.txt", "/static/style.css"}
    assert '<a href="/product/tea/">tea</a>' in built(app, "index.html")
    assert "<h1>tea</h1>" in built(app, "product", "tea", "index.html")
    assert built(app, "static", "style.css") == "h1 { color: red }"


def test_url_generator():
    """A generator names pages that nobody links; pages gone since the last build are removed"""
    app = create_app("generator", FREEZER_BASE_URL="http://example.org/")
    freezer = Freezer()
    freezer.init_app(app)
    names = ["coffee", "milk"]

    @freezer.register_generator
    def product():
        for name in names:
            yield {"name": name}

    assert "/product/milk/" in freezer.freeze()
    assert "<h1>coffee</h1>" in built(app, "product", "coffee", "index.html")
    assert built(app, "robots.txt") == "http://example.org/"
    names.remove("milk")
    assert "/product/milk/" not in freezer.freeze()
    build = app.config["FREEZER_DESTINATION"]
    assert sorted(os.listdir(os.path.join(build, "product"))) == ["coffee", "tea"]


def test_relative_urls():
    """With relative URLs the pages can be opened from a disk"""
    app = create_app("relative", FREEZER_RELATIVE_URLS=True)
    Freezer(app).freeze()
    assert 'href="product/tea/index.html"' in built(app, "index.html")
    assert 'href="../../index.html"' in built(app, "product", "tea", "index.html")


def test_serve_the_build():
    """The built files are served as a web server would"""
    app = create_app("serve")
    freezer = Freezer(app)
    freezer.freeze()
    client = freezer.make_static_app().test_client()
    with client.get("/product/tea/") as response:
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert b"<h1>tea</h1>" in response.data
    with client.get("/static/style.css") as response:
        assert response.mimetype == "text/css"
