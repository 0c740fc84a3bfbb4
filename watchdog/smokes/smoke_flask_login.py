"""Flask-Login: users logged in by the session, the remember-me cookie or a key in the request."""

import importlib.util
import unittest

from flask import Flask, get_flashed_messages, render_template_string, session
from flask_login import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    fresh_login_required,
    login_fresh,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
)

SABOTAGE = [
    "flask_login/login_manager.py:LoginManager.init_app",
    "flask_login/login_manager.py:LoginManager._load_user_from_remember_cookie",
    "flask_login/utils.py:login_user",
    "flask_login/utils.py:logout_user",
    "flask_login/utils.py:confirm_login",
    "flask_login/login_manager.py:LoginManager._session_protection_failed",
    "flask_login/login_manager.py:LoginManager.unauthorized",
    "flask_login/test_client.py:FlaskLoginClient.__init__",
]

NAMES = {"7": "ada"}
GREETING = "{{ current_user.name if current_user.is_authenticated else 'guest' }}"
KEYS = {"ada-api-key": "7"}


class User(UserMixin):
    def __init__(self, user_id):
        self.id = user_id
        self.name = NAMES[user_id]


def create_app(protection="basic"):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    login_manager = LoginManager()
    login_manager.login_view = "login"
    login_manager.refresh_view = "confirm"
    login_manager.session_protection = protection
    login_manager.init_app(app)

    @login_manager.user_loader
    def load_user(user_id):
        return User(user_id) if user_id in NAMES else None

    @login_manager.request_loader
    def load_user_from_request(request):
        user_id = KEYS.get(request.headers.get("X-Api-Key"))
        return User(user_id) if user_id else None

    @app.route("/login")
    def login():
        return "please log in"

    @app.route("/login/<how>", methods=["POST"])
    def log_in(how):
        return str(login_user(User("7"), remember=how == "remember"))

    @app.route("/logout", methods=["POST"])
    def log_out():
        return str(logout_user())

    @app.route("/end-session", methods=["POST"])
    def end_session():
        session.clear()
        return "gone"

    @app.route("/private")
    @login_required
    def private():
        return "hello " + current_user.name

    @app.route("/password", endpoint="password")
    @fresh_login_required
    def change_password():
        return "fresh: %s" % login_fresh()

    @app.route("/confirm", methods=["GET", "POST"])
    def confirm():
        confirm_login()
        return "confirmed"

    @app.route("/greeting")
    def greeting():
        return render_template_string(GREETING)

    return app


def test_anonymous_is_sent_to_login():
    """An anonymous visitor of a protected page is sent to the login page and back"""
    response = create_app().test_client().get("/private")
    assert response.status_code == 302
    path, _, query = response.headers["Location"].partition("?")
    assert path in ("/login", "http://localhost/login")
    assert query in ("next=%2Fprivate", "next=/private")


def test_login_and_logout():
    """A user logs in, reaches a protected page, logs out and no longer reaches it"""
    client = create_app().test_client()
    assert client.get("/greeting").data == b"guest"
    assert client.post("/login/plainly").data == b"True"
    assert client.get("/private").data == b"hello ada"
    assert client.get("/greeting").data == b"ada"
    assert client.post("/logout").data == b"True"
    assert client.get("/private").status_code == 302
    assert client.get("/greeting").data == b"guest"


def test_remember_me():
    """The remember-me cookie outlives the session, until the user logs out"""
    client = create_app().test_client()
    client.post("/login/plainly")
    client.post("/end-session")
    assert client.get("/private").status_code == 302
    client.post("/login/remember")
    client.post("/end-session")
    assert client.get("/private").data == b"hello ada"
    client.post("/logout")
    assert client.get("/private").status_code == 302


def test_api_key():
    """A request that brings an API key is logged in for that request only"""
    client = create_app().test_client()
    assert client.get("/private", headers={"X-Api-Key": "ada-api-key"}).data == b"hello ada"
    assert client.get("/private", headers={"X-Api-Key": "wrong"}).status_code == 302


def test_fresh_login():
    """A login by the cookie is not fresh: what needs a fresh one asks to confirm it first"""
    client = create_app().test_client()
    client.post("/login/remember")
    assert client.get("/password").data == b"fresh: True"
    client.post("/end-session")
    assert client.get("/private").data == b"hello ada"
    response = client.get("/password")
    assert response.status_code == 302 and "/confirm?next=" in response.headers["Location"]
    client.post("/confirm")
    assert client.get("/password").data == b"fresh: True"


def test_session_protection():
    """A session that comes from another browser ends if protection is strong, else is not fresh"""
    other = {"User-Agent": "another browser"}
    client = create_app("strong").test_client()
    client.post("/login/plainly")
    assert client.get("/private").status_code == 200
    assert client.get("/private", headers=other).status_code == 302
    assert client.get("/private").status_code == 302
    client = create_app("basic").test_client()
    client.post("/login/plainly")
    assert client.get("/private", headers=other).data == b"hello ada"
    assert client.get("/password", headers=other).status_code == 302


def test_login_signal():
    """The signal user_logged_in tells which user logged in"""
    if not importlib.util.find_spec("blinker"):
        raise unittest.SkipTest("before Flask 2.3 signals need blinker, which is optional")
    app, users = create_app(), []

    def note(sender, user):
        users.append((sender, user.name))

    with user_logged_in.connected_to(note, sender=app):
        app.test_client().post("/login/plainly")
    assert users == [(app, "ada")]


def test_client_of_a_user():
    """FlaskLoginClient, in an application's tests, is logged in as a user from the start"""
    try:
        from flask_login import FlaskLoginClient
    except ImportError as error:
        raise unittest.SkipTest("FlaskLoginClient is new in Flask-Login 0.5") from error
    app = create_app(protection=None)
    app.test_client_class = FlaskLoginClient
    with app.test_client(user=User("7")) as client:
        assert client.get("/private").data == b"hello ada"
        assert client.get("/password").data == b"fresh: True"
    with app.test_client(user=User("7"), fresh_login=False) as client:
        assert client.get("/password").status_code == 302
    assert app.test_client().get("/private").status_code == 302


def test_message_in_a_language():
    """The message that asks to log in is translated and flashed; an application's tests see it"""
    app = create_app()
    app.login_manager.localize_callback = {"Please log in.": "Bitte anmelden."}.get
    app.login_manager.login_message = "Please log in."
    with app.test_client() as client:
        assert client.get("/private").status_code == 302
        assert current_user.is_anonymous
        assert get_flashed_messages() == ["Bitte anmelden."]
