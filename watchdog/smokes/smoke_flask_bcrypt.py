"""Flask-Bcrypt: passwords hashed and checked, as in its documentation."""

from flask import Flask, request
from flask_bcrypt import Bcrypt, check_password_hash, generate_password_hash

SABOTAGE = [
    "flask_bcrypt.py:Bcrypt.init_app",
    "flask_bcrypt.py:Bcrypt.generate_password_hash",
    "flask_bcrypt.py:Bcrypt.check_password_hash",
    "flask_bcrypt.py:Bcrypt._unicode_to_bytes",
]


def create_app(rounds=4):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(BCRYPT_LOG_ROUNDS=rounds)
    return app


def test_login():
    """A password is stored as a hash and checked at login"""
    app = create_app()
    bcrypt = Bcrypt(app)
    users = {}

    @app.route("/register", methods=["POST"])
    def register():
        password = request.form["password"]
        users["ada"] = bcrypt.generate_password_hash(password).decode("utf-8")
        return "registered"

    @app.route("/login", methods=["POST"])
    def login():
        return str(bcrypt.check_password_hash(users["ada"], request.form["password"]))

    client = app.test_client()
    client.post("/register", data={"password": "pässword"})
    assert users["ada"].startswith("$2b$04$") and len(users["ada"]) == 60
    assert client.post("/login", data={"password": "pässword"}).data == b"True"
    assert client.post("/login", data={"password": "password"}).data == b"False"


def test_rounds():
    """The cost is set by the configuration or by the call, and every hash is salted"""
    bcrypt = Bcrypt()
    bcrypt.init_app(create_app(rounds=5))
    first, second = (bcrypt.generate_password_hash("hunter2") for _ in range(2))
    assert first != second and first.startswith(b"$2b$05$")
    assert bcrypt.generate_password_hash("hunter2", 4).startswith(b"$2b$04$")
    assert bcrypt.check_password_hash(first, "hunter2")


def test_helpers():
    """The functions of the module need no application"""
    pw_hash = generate_password_hash("hunter2", 4)
    assert check_password_hash(pw_hash, "hunter2") is True
    assert check_password_hash(pw_hash, "hunter3") is False
