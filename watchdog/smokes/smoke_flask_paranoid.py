"""Flask-Paranoid: a session that moves to another client is thrown away, as in its README."""

from flask import Flask, session
from flask_paranoid import Paranoid

SABOTAGE = [
    "flask_paranoid/paranoid.py:Paranoid.init_app",
    "flask_paranoid/paranoid.py:Paranoid.create_token",
    "flask_paranoid/paranoid.py:Paranoid.clear_session",
    "flask_paranoid/paranoid.py:Paranoid.on_invalid_session",
]

OWNER = {"User-Agent": "owner"}
THIEF = {"User-Agent": "thief"}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")

    @app.route("/login", methods=["POST"])
    def login():
        session["user"] = "ada"
        return "logged in"

    @app.route("/")
    def index():
        return session.get("user", "nobody")

    return app


def test_stolen_session():
    """The owner keeps the session; with another client it is refused and gone"""
    app = create_app()
    Paranoid(app)
    client = app.test_client()
    assert client.post("/login", headers=OWNER).data == b"logged in"
    assert client.get("/", headers=OWNER).data == b"ada"
    assert client.get("/", headers=THIEF).status_code == 401
    assert client.get("/", headers=OWNER).data == b"nobody"


def test_other_address():
    """A session does not move to another address either"""
    app = create_app()
    Paranoid(app)
    client = app.test_client()
    client.post("/login", headers=OWNER, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    response = client.get("/", headers=OWNER, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert response.data == b"ada"
    response = client.get("/", headers=OWNER, environ_base={"REMOTE_ADDR": "192.0.2.2"})
    assert response.status_code == 401


def test_redirect_view():
    """A client with somebody else's session is sent to a page"""
    app = create_app()
    paranoid = Paranoid()
    paranoid.init_app(app)
    paranoid.redirect_view = "index"
    client = app.test_client()
    client.post("/login", headers=OWNER)
    response = client.get("/?page=2", headers=THIEF)
    assert response.status_code == 302
    assert response.headers["Location"] in ("/", "http://localhost/")
    assert client.get("/", headers=THIEF).data == b"nobody"


def test_handler():
    """A function of one's own answers a client with somebody else's session"""
    app = create_app()
    paranoid = Paranoid(app)

    @paranoid.on_invalid_session
    def invalid_session():
        return "not yours", 403

    client = app.test_client()
    client.post("/login", headers=OWNER)
    response = client.get("/", headers=THIEF)
    assert response.status_code == 403 and response.data == b"not yours"
