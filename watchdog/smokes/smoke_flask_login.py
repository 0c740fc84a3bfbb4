"""Flask-Login: users logged in by the session, the remember-me cookie or a key in the request."""

from flask import Flask, render_template_string, session
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)

SABOTAGE = [
    "flask_login/login_manager.py:LoginManager.init_app",
    "flask_login/login_manager.py:LoginManager._load_user_from_remember_cookie",
    "flask_login/utils.py:login_user",
    "flask_login/utils.py:logout_user",
]

NAMES = {"7": "ada"}
GREETING = "{{ current_user.name if current_user.is_authenticated else 'guest' }}"
KEYS = {"ada-api-key": "7"}


class User(UserMixin):
    def __init__(self, user_id):
        self.id = user_id
        self.name = NAMES[user_id]


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    login_manager = LoginManager()
    login_manager.login_view = "login"
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
