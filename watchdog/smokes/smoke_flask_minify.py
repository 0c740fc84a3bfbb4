"""Flask-Minify: pages, and the scripts and styles in them, sent without needless characters."""

from flask import Flask

try:
    from flask_minify import Minify
except ImportError:
    from flask_minify import minify as Minify
from flask_minify.decorators import minify as minify_view

SABOTAGE = [
    "flask_minify/main.py:Minify.init_app",
    "flask_minify/main.py:Minify.main",
    "flask_minify/parsers.py:Parser.minify",
    "flask_minify/decorators.py:minify",
]

PAGE = """<html>
  <head>
    <style>
      body   {
        color: red;
      }
    </style>
    <script>
      // a comment
      var answer   =   42;
    </script>
  </head>
  <body>
    <h1>   Hello   </h1>
  </body>
</html>
"""


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/")
    def index():
        return PAGE

    @app.route("/plain")
    def plain():
        return PAGE

    @app.route("/data")
    def data():
        return app.response_class('{"a":   1}', mimetype="application/json")

    @app.route("/decorated")
    @minify_view(html=True, js=True, cssless=True)
    def decorated():
        return PAGE

    return app


def check(body):
    assert len(body) < len(PAGE) * 0.6
    assert "body{color:red" in body
    assert "var answer=42" in body
    assert "a comment" not in body
    assert "\n  <body>" not in body
    assert "Hello" in body


def test_page():
    """A page is sent minified, with its script and its style"""
    app = create_app()
    Minify(app=app, html=True, js=True, cssless=True)
    client = app.test_client()
    for _ in range(2):
        response = client.get("/")
        body = response.get_data(as_text=True)
        check(body)
        assert int(response.headers["Content-Length"]) == len(body)


def test_only_html():
    """Scripts and styles can be left as they are"""
    app = create_app()
    extension = Minify(html=True, js=False, cssless=False)
    extension.init_app(app)
    body = app.test_client().get("/").get_data(as_text=True)
    assert "var answer   =   42;" in body
    assert "\n  <body>" not in body


def test_bypass():
    """Views that are bypassed, and answers that are no pages, are left as they are"""
    app = create_app()
    Minify(app=app, html=True, js=True, cssless=True, bypass=["plain"])
    client = app.test_client()
    assert client.get("/plain").get_data(as_text=True) == PAGE
    assert client.get("/data").data == b'{"a":   1}'
    check(client.get("/").get_data(as_text=True))


def test_decorator():
    """A single view is minified by a decorator"""
    client = create_app().test_client()
    check(client.get("/decorated").get_data(as_text=True))
    assert client.get("/").get_data(as_text=True) == PAGE
