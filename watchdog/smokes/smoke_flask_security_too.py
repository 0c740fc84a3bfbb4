"""Flask-Security-Too: login page, registration, roles and tokens, on Flask-SQLAlchemy."""

import os
import re

from flask import Flask
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    current_user,
    hash_password,
    roles_required,
    verify_password,
)
from flask_sqlalchemy import SQLAlchemy

try:
    from flask_security.models import fsqla_v3 as fsqla
except ImportError:
    try:
        from flask_security.models import fsqla_v2 as fsqla
    except ImportError:
        from flask_security.models import fsqla

SABOTAGE = [
    "flask_security/core.py:Security.init_app",
    "flask_security/views.py:login",
    "flask_security/registerable.py:register_user",
    "flask_security/datastore.py:UserDatastore.add_role_to_user",
]


def create_app(name, **config):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
        SECURITY_REGISTERABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    app.config.update(config)
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        pass

    app.datastore = SQLAlchemyUserDatastore(db, User, Role)
    Security(app, app.datastore)

    @app.route("/")
    @auth_required("session", "token")
    def home():
        return "hello " + current_user.email

    @app.route("/admin")
    @roles_required("admin")
    def admin():
        return "for admins"

    @app.route("/token")
    @auth_required("session")
    def token():
        return current_user.get_auth_token()

    with app.app_context():
        db.create_all()
        create_user = app.datastore.create_user
        ada = create_user(email="ada@example.com", password=hash_password("lovelace"))
        create_user(email="bob@example.com", password=hash_password("builder1"))
        app.datastore.create_role(name="admin")
        app.datastore.add_role_to_user(ada, "admin")
        db.session.commit()
    return app


def submit(client, url, **form):
    """Fill in the form of a page, with its CSRF token."""
    page = client.get(url).get_data(as_text=True)
    assert 'name="email"' in page and 'name="password"' in page
    form["csrf_token"] = re.search('name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=form)


def test_login_page():
    """The login page refuses a wrong password and lets a user in, who then logs out."""
    client = create_app("login").test_client()
    response = client.get("/")
    assert response.status_code == 302 and "/login?next=" in response.headers["Location"]
    response = submit(client, "/login", email="ada@example.com", password="wrong-one")
    assert response.status_code == 200 and b"nvalid" in response.data
    assert client.get("/").status_code == 302
    response = submit(client, "/login", email="ada@example.com", password="lovelace")
    assert response.status_code == 302, response.data
    assert client.get("/").data == b"hello ada@example.com"
    assert client.post("/logout").status_code == 302
    assert client.get("/").status_code == 302


def test_registration():
    """A visitor registers, is logged in and stored with a hashed password."""
    app = create_app("register")
    client = app.test_client()
    form = dict(email="eve@example.com", password="moneypenny", password_confirm="moneypenny")
    response = submit(client, "/register", **form)
    assert response.status_code == 302, response.data
    assert client.get("/").data == b"hello eve@example.com"
    with app.app_context():
        password = app.datastore.find_user(email="eve@example.com").password
        assert password != "moneypenny" and verify_password("moneypenny", password)


def test_roles():
    """A view for a role is open to a user who has it and 403 to another."""
    app = create_app("roles")
    for name, password, status in [("ada", "lovelace", 200), ("bob", "builder1", 403)]:
        client = app.test_client()
        submit(client, "/login", email=name + "@example.com", password=password)
        assert client.get("/admin").status_code == status


def test_bcrypt():
    """Passwords can be kept with bcrypt."""
    app = create_app("bcrypt", SECURITY_PASSWORD_HASH="bcrypt")
    with app.app_context():
        assert verify_password("lovelace", hash_password("lovelace"))


def test_token():
    """An authentication token in a header replaces the session."""
    app = create_app("token")
    client = app.test_client()
    submit(client, "/login", email="bob@example.com", password="builder1")
    headers = {"Authentication-Token": client.get("/token").get_data(as_text=True)}
    response = app.test_client().get("/", headers=headers)
    assert response.status_code == 200 and response.data == b"hello bob@example.com"
