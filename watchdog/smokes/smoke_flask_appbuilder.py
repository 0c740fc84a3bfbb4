"""Flask-AppBuilder: a model with views for people and an API, behind a login, on SQLite."""

import os
import uuid

from flask import Flask
from flask_appbuilder import AppBuilder, Model, ModelRestApi, ModelView
from flask_appbuilder.cli import fab
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Column, Integer, String

try:
    from flask_appbuilder import SQLA
except ImportError:  # since 5.0
    from flask_appbuilder.utils.legacy import get_sqla_class

    SQLA = get_sqla_class()

SABOTAGE = [
    "flask_appbuilder/base.py:AppBuilder.add_view",
    "flask_appbuilder/security/manager.py:BaseSecurityManager.auth_user_db",
    "flask_appbuilder/models/sqla/interface.py:SQLAInterface.add",
    "flask_appbuilder/cli.py:create_admin",
]

ADMIN = ["--username", "ada", "--firstname", "Ada", "--lastname", "Lovelace"]
ADMIN += ["--email", "ada@example.com", "--password", "a password"]


class Contact(Model):
    __tablename__ = "contact"
    id = Column(Integer, primary_key=True)
    name = Column(String(50), unique=True, nullable=False)


class ContactView(ModelView):
    datamodel = SQLAInterface(Contact)
    list_columns = ["name"]


class ContactApi(ModelRestApi):
    resource_name = "contact"
    datamodel = SQLAInterface(Contact)


def create_app():
    """An application with an administrator and no contact yet."""
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        WTF_CSRF_ENABLED=False,
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(uuid.uuid4().hex + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLA(app)
    with app.app_context():
        appbuilder = AppBuilder(app, db.session)
        appbuilder.add_view(ContactView, "Contacts", category="People")
        appbuilder.add_api(ContactApi)
        db.create_all()
    created = app.test_cli_runner().invoke(fab, ["create-admin"] + ADMIN)
    assert created.exit_code == 0, created.output
    return app


def log_in(client, password):
    client.post("/login/", data={"username": "ada", "password": password})


def test_login_page():
    """The home page and the login page answer, and lists are only for users"""
    client = create_app().test_client()
    assert client.get("/").status_code == 200
    login = client.get("/login/").get_data(as_text=True)
    assert 'name="username"' in login and 'name="password"' in login
    assert client.get("/contactview/list/").status_code == 302
    log_in(client, "wrong")
    assert client.get("/contactview/list/").status_code == 302


def test_model_view():
    """An administrator logs in, adds a row by the form and finds it in the list"""
    client = create_app().test_client()
    log_in(client, "a password")
    page = client.get("/contactview/list/")
    assert page.status_code == 200 and b"Grace Hopper" not in page.data
    assert "Contacts" in client.get("/").get_data(as_text=True)
    added = client.post("/contactview/add", data={"name": "Grace Hopper"})
    assert added.status_code == 302
    assert b"Grace Hopper" in client.get("/contactview/list/").data
    assert client.post("/contactview/delete/1").status_code == 302
    assert b"Grace Hopper" not in client.get("/contactview/list/").data


def test_api():
    """A client with a token creates and lists rows by the API"""
    client = create_app().test_client()
    assert client.get("/api/v1/contact/").status_code == 401
    user = {"username": "ada", "password": "a password", "provider": "db"}
    token = client.post("/api/v1/security/login", json=user).get_json()["access_token"]
    headers = {"Authorization": "Bearer " + token}
    created = client.post("/api/v1/contact/", json={"name": "Grace"}, headers=headers)
    assert created.status_code == 201, created.data
    contacts = client.get("/api/v1/contact/", headers=headers).get_json()
    assert contacts["count"] == 1 and contacts["result"][0]["name"] == "Grace"
