"""Flask-Admin: its index page, a view of one's own, models of SQLAlchemy, and files."""

import importlib.util
import io
import os
import unittest

from flask import Flask
from flask_admin import Admin, BaseView, expose
from flask_admin.contrib.fileadmin import FileAdmin

SABOTAGE = [
    "flask_admin/base.py:Admin.add_view",
    "flask_admin/base.py:BaseView.render",
    "flask_admin/contrib/sqla/view.py:ModelView.create_model",
    "flask_admin/contrib/fileadmin/__init__.py:LocalFileStorage.save_file",
]


def create_app():
    os.makedirs("templates", exist_ok=True)
    with open(os.path.join("templates", "report.html"), "w") as file:
        file.write("{% extends 'admin/master.html' %}{% block body %}Sold {{ sold }}{% endblock %}")
    app = Flask(__name__, template_folder=os.path.abspath("templates"))
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def test_index():
    """The index page is shown with the name and the style sheets of the interface."""
    app = create_app()
    Admin(app, name="My shop")
    client = app.test_client()
    page = client.get("/admin/").get_data(as_text=True)
    assert "My shop" in page and "/admin/static/" in page


def test_own_view():
    """A view of one's own is in the menu and renders inside the layout."""

    class Report(BaseView):
        @expose("/")
        def index(self):
            return self.render("report.html", sold=42)

    app = create_app()
    admin = Admin(name="My shop")
    admin.add_view(Report(name="Sales report", endpoint="report"))
    admin.init_app(app)
    client = app.test_client()
    page = client.get("/admin/report/").get_data(as_text=True)
    assert "Sold 42" in page and "My shop" in page
    assert "Sales report" in client.get("/admin/").get_data(as_text=True)


def test_models():
    """Rows of an SQLAlchemy model are created, listed, searched, edited and deleted."""
    if not importlib.util.find_spec("flask_sqlalchemy"):
        raise unittest.SkipTest("needs Flask-SQLAlchemy, which is optional")
    from flask_admin.contrib.sqla import ModelView
    from flask_sqlalchemy import SQLAlchemy

    app = create_app()
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.abspath("admin.db")
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50), unique=True, nullable=False)
        active = db.Column(db.Boolean, default=False)
        role = db.Column(db.Enum("guest", "owner", name="role"))

    class UserView(ModelView):
        column_searchable_list = ["name"]

    Admin(app).add_view(UserView(User, db.session))
    client = app.test_client()
    with app.app_context():
        db.create_all()
    form = client.get("/admin/user/new/").get_data(as_text=True)
    assert 'name="name"' in form and "<select" in form
    for name in ("Ada", "Bob"):
        response = client.post("/admin/user/new/", data={"name": name, "role": "guest"})
        assert response.status_code == 302
    page = client.get("/admin/user/").get_data(as_text=True)
    assert "Ada" in page and "Bob" in page
    page = client.get("/admin/user/?search=Ada").get_data(as_text=True)
    assert "Ada" in page and "Bob" not in page
    eve = {"name": "Eve", "active": "y", "role": "owner"}
    assert client.post("/admin/user/edit/?id=1", data=eve).status_code == 302
    assert client.post("/admin/user/delete/", data={"id": "2"}).status_code == 302
    with app.app_context():
        users = [(user.name, user.active, user.role) for user in db.session.query(User)]
        assert users == [("Eve", True, "owner")]
        db.drop_all()
        db.session.remove()
        db.engine.dispose()


def test_files():
    """A directory is listed; a file is uploaded into it and downloaded."""
    folder = os.path.abspath("files")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "old.txt"), "w") as file:
        file.write("old")
    app = create_app()
    Admin(app).add_view(FileAdmin(folder, name="Files"))
    client = app.test_client()
    assert "old.txt" in client.get("/admin/fileadmin/").get_data(as_text=True)
    upload = {"upload": (io.BytesIO(b"content"), "new.txt")}
    assert client.post("/admin/fileadmin/upload/", data=upload).status_code == 302
    with open(os.path.join(folder, "new.txt"), "rb") as file:
        assert file.read() == b"content"
    with client.get("/admin/fileadmin/download/new.txt") as response:
        assert response.data == b"content"
    assert client.post("/admin/fileadmin/mkdir/", data={"name": "sub"}).status_code == 302
    assert os.path.isdir(os.path.join(folder, "sub"))
