"""Flask itself: what every application does with Flask and Werkzeug (the core control)."""

import io
import os
import runpy
import threading
import urllib.request
from socketserver import BaseServer
from unittest import mock

import click
import flask.cli
import werkzeug.serving
from click.testing import CliRunner
from flask import (
    Blueprint,
    Flask,
    abort,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_from_directory,
    session,
    url_for,
)
from werkzeug.serving import make_server

SABOTAGE = [
    "flask/app.py:Flask.dispatch_request",
    "flask/sessions.py:SecureCookieSessionInterface.save_session",
    "flask/templating.py:render_template_string",
    "flask/cli.py:AppGroup.command",
    "flask/app.py:Flask.run",
]


def create_app(**options):
    app = Flask(__name__, **options)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def test_requests_and_json():
    """The test client gets a page and posts JSON."""
    app = create_app()

    @app.route("/hello/<name>")
    def hello(name):
        return "Hello %s, page %s" % (name, request.args.get("page", 1, type=int))

    @app.route("/add", methods=["GET", "POST"])
    def add():
        numbers = request.get_json()["numbers"]
        return jsonify(sum=sum(numbers)), 201

    client = app.test_client()
    assert client.get("/hello/Ada?page=7").data == b"Hello Ada, page 7"
    response = client.post("/add", json={"numbers": [1, 2, 39]})
    assert response.status_code == 201
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.get_json() == {"sum": 42}
    assert client.post("/hello/Ada").status_code == 405


def test_session_cookie():
    """The signed session cookie and flashed messages survive until the next request."""
    app = create_app()

    @app.route("/login", methods=["POST"])
    def login():
        session["user"] = request.form["user"]
        flash("Welcome")
        return make_response("in", 200, {"X-Login": "yes"})

    @app.route("/")
    def index():
        return "%s %s" % (session.get("user", "nobody"), "".join(get_flashed_messages()))

    client = app.test_client()
    response = client.post("/login", data={"user": "Ada"})
    assert response.headers["X-Login"] == "yes"
    assert response.headers["Set-Cookie"].startswith("session=")
    assert client.get("/").data == b"Ada Welcome"
    assert client.get("/").data == b"Ada "
    assert app.test_client().get("/").data == b"nobody "


def test_templates():
    """A template is rendered with autoescaping, filters, and request and url_for at hand."""
    app = create_app()

    @app.route("/<name>")
    def page(name):
        source = "<a href='{{ url_for('page', name='x y') }}'>{{ name|upper }} {{ request.path }}"
        return render_template_string(source, name="<b>" + name)

    assert app.test_client().get("/me").data == b"<a href='/x%20y'>&lt;B&gt;ME /me"


def test_blueprint_redirect_and_errors():
    """A blueprint redirects with url_for; abort reaches the error handlers."""
    app = create_app()
    blog = Blueprint("blog", __name__, url_prefix="/blog")

    @app.before_request
    def load_user():
        g.user = "Ada"

    @blog.route("/old")
    def old():
        return redirect(url_for("blog.post", number=3))

    @blog.route("/<int:number>")
    def post(number):
        return "post %d for %s" % (number, g.user) if number < 10 else abort(404)

    @app.errorhandler(404)
    def not_found(error):
        return jsonify(error=error.name), 404

    app.register_blueprint(blog)
    client = app.test_client()
    response = client.get("/blog/old")
    assert response.status_code == 302
    assert response.headers["Location"].endswith("/blog/3")
    assert client.get("/blog/old", follow_redirects=True).data == b"post 3 for Ada"
    response = client.get("/blog/99")
    assert (response.status_code, response.get_json()) == (404, {"error": "Not Found"})
    with app.test_request_context():
        assert url_for("blog.post", number=3, _external=True) == "http://localhost/blog/3"


def test_files():
    """A file is uploaded and sent back, and a static file is served."""
    os.makedirs("static", exist_ok=True)
    with open(os.path.join("static", "style.css"), "w") as file:
        file.write("body {}")
    folder = os.path.abspath("uploads")
    os.makedirs(folder, exist_ok=True)
    app = create_app(static_folder=os.path.abspath("static"))

    @app.route("/upload", methods=["POST"])
    def upload():
        request.files["file"].save(os.path.join(folder, "saved.txt"))
        return request.files["file"].filename

    @app.route("/download")
    def download():
        return send_from_directory(folder, "saved.txt", as_attachment=True)

    client = app.test_client()
    response = client.post("/upload", data={"file": (io.BytesIO(b"content"), "mine.txt")})
    assert response.data == b"mine.txt"
    with client.get("/download") as response:
        assert response.data == b"content"
        assert response.headers["Content-Disposition"].startswith("attachment")
    with client.get("/static/style.css") as response:
        assert response.data == b"body {}"
        assert response.headers["Content-Type"].startswith("text/css")


def test_command_line():
    """A command of the application runs in its context."""
    app = create_app()

    @app.cli.command("greet")
    @click.argument("name")
    def greet(name):
        click.echo("%s greets %s" % (app.name, name))

    result = app.test_cli_runner().invoke(args=["greet", "Ada"])
    assert result.exit_code == 0, result.output
    assert result.output == "%s greets Ada\n" % app.name


def test_run_command():
    """`flask run` in debug mode starts the server with reloader and debugger."""
    with open("hello.py", "w") as file:
        file.write("from flask import Flask\napp = Flask(__name__)\n")
    settings = {"FLASK_APP": "hello.py", "FLASK_ENV": "development", "FLASK_DEBUG": "1"}
    place = flask.cli if hasattr(flask.cli, "run_simple") else werkzeug.serving
    with mock.patch.object(place, "run_simple") as run_simple:
        with mock.patch.dict(os.environ, settings):
            result = CliRunner().invoke(flask.cli.cli, ["run", "--port", "5055"])
    assert result.exit_code == 0, result.output
    (_, port, _), options = run_simple.call_args
    assert port == 5055
    assert options["use_reloader"] is True
    assert options["use_debugger"] is True


def test_main_program():
    """`python app.py` starts the server for an application that is made with its `__name__`."""
    with open("app.py", "w") as file:
        file.write(
            "from flask import Flask\n\napp = Flask(__name__)\n\n\n"
            "@app.route('/')\ndef index():\n    return 'from ' + __name__\n\n\n"
            "if __name__ == '__main__':\n    app.run(port=5056)\n"
        )
    with mock.patch.object(werkzeug.serving, "run_simple") as run_simple:
        runpy.run_path("app.py", run_name="__main__")
    (_, port, app), _ = run_simple.call_args
    assert port == 5056
    assert app.name == "app"
    assert app.test_client().get("/").data == b"from __main__"


def test_real_server():
    """Werkzeug's server answers a real request through a socket."""
    app = create_app()

    @app.route("/echo", methods=["POST"])
    def echo():
        return request.get_data() + request.headers["User-Agent"].encode()

    server = make_server("127.0.0.1", 0, app, threaded=True)
    polling = (server, 0.02)  # the default of 0.5 s makes each shutdown() wait as long
    thread = threading.Thread(target=BaseServer.serve_forever, args=polling, daemon=True)
    thread.start()
    try:
        url = "http://127.0.0.1:%d/echo" % server.server_port
        call = urllib.request.Request(url, data=b"hello ", headers={"User-Agent": "smoke"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            call, timeout=5
        ) as r:
            assert (r.status, r.read()) == (200, b"hello smoke")
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
