"""Hello, World! as Flask tutorials begin: a package, the test client and `flask run`."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from flask import Flask, request

SABOTAGE = [
    "flask/sansio/app.py:App.add_url_rule",
    "flask/app.py:Flask.dispatch_request",
    "flask/cli.py:ScriptInfo.load_app",
]

FILES = {
    "app/__init__.py": "from flask import Flask\n\napp = Flask(__name__)\nfrom app import routes\n",
    "app/routes.py": (
        "from app import app\n\n\n@app.route('/')\n@app.route('/index')\n"
        "def index():\n    return 'Hello, World!'\n"
    ),
    "microblog.py": "from app import app\n",
}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/")
    @app.route("/index")
    def index():
        return "Hello, World!"

    @app.route("/user/<name>")
    def user(name):
        return "<h1>Hello, {}!</h1>".format(name)

    @app.route("/browser")
    def browser():
        return "Your browser is " + request.headers.get("User-Agent"), 203

    return app


def get(url):
    """The page, as soon as the server answers; waits at most 20 seconds."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 20
    while True:
        try:
            with opener.open(url, timeout=5) as response:
                return response.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < deadline, "flask run does not answer"
            time.sleep(0.05)


def test_hello():
    """The two URLs of the first view answer Hello, World!"""
    client = create_app().test_client()
    for path in ("/", "/index"):
        response = client.get(path)
        assert (response.status_code, response.data) == (200, b"Hello, World!")
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert client.get("/nowhere").status_code == 404


def test_dynamic_route():
    """A part of the URL, and a header of the request, reach the view"""
    client = create_app().test_client()
    assert client.get("/user/Dave").data == b"<h1>Hello, Dave!</h1>"
    response = client.get("/browser", headers={"User-Agent": "Lynx"})
    assert (response.status_code, response.data) == (203, b"Your browser is Lynx")


def test_flask_run():
    """The command flask run serves the application's package"""
    os.makedirs("app", exist_ok=True)
    for path, text in FILES.items():
        with open(path, "w") as file:
            file.write(text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--port", str(port)],
        env=dict(os.environ, FLASK_APP="microblog.py"),
    )
    try:
        assert get("http://127.0.0.1:%d/index" % port) == b"Hello, World!"
    finally:
        server.terminate()
        server.wait(5)
