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
    "flask_admin/form/upload.py:ImageUploadField._save_thumbnail",
    "flask_admin/contrib/sqla/form.py:InlineModelConverter.contribute",
    "flask_admin/model/base.py:BaseModelView.export",
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


def create_database(app, name):
    if not importlib.util.find_spec("flask_sqlalchemy"):
        raise unittest.SkipTest("needs Flask-SQLAlchemy, which is optional")
    from flask_sqlalchemy import SQLAlchemy

    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.abspath(name + ".db")
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    return SQLAlchemy(app)


def test_models():
    """Rows of an SQLAlchemy model are created, listed, searched, edited and deleted."""
    app = create_app()
    db = create_database(app, "admin")
    from flask_admin.contrib.sqla import ModelView

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


def test_inline_models():
    """The rows of a related model are edited inside the form of the model they belong to."""
    app = create_app()
    db = create_database(app, "inline")
    from flask_admin.contrib.sqla import ModelView

    class Author(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50))

    class Book(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        title = db.Column(db.String(50))
        author_id = db.Column(db.Integer, db.ForeignKey(Author.id))
        author = db.relationship(Author, backref="books")

    class AuthorView(ModelView):
        inline_models = (Book,)

    Admin(app).add_view(AuthorView(Author, db.session))
    client = app.test_client()
    with app.app_context():
        db.create_all()
    form = client.get("/admin/author/new/").get_data(as_text=True)
    assert "inline-field" in form and "Books" in form
    new = {"name": "Ada", "books-0-title": "Notes", "books-1-title": "Letters"}
    assert client.post("/admin/author/new/", data=new).status_code == 302
    form = client.get("/admin/author/edit/?id=1").get_data(as_text=True)
    assert 'value="Notes"' in form and 'value="Letters"' in form
    with app.app_context():
        books = db.session.query(Book).order_by(Book.id)
        assert [(book.title, book.author.name) for book in books] == [
            ("Notes", "Ada"),
            ("Letters", "Ada"),
        ]


def test_filters_and_export():
    """A list is filtered by a column, formatted, and exported as CSV."""
    app = create_app()
    db = create_database(app, "export")
    from flask_admin.contrib.sqla import ModelView

    if not hasattr(ModelView, "can_export"):
        raise unittest.SkipTest("export is new in Flask-Admin 1.3")

    class Tyre(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        brand = db.Column(db.String(50))
        price = db.Column(db.Integer)

    class TyreView(ModelView):
        can_export = True
        column_filters = ["brand", "price"]
        column_formatters = {"price": lambda view, context, model, name: "$%d" % model.price}

    Admin(app).add_view(TyreView(Tyre, db.session))
    with app.app_context():
        db.create_all()
        db.session.add_all([Tyre(brand="Alpha", price=40), Tyre(brand="Beta", price=50)])
        db.session.commit()
    client = app.test_client()
    page = client.get("/admin/tyre/").get_data(as_text=True)
    assert "$40" in page and "$50" in page and "/admin/tyre/export/csv/" in page
    page = client.get("/admin/tyre/?flt0_0=Bet").get_data(as_text=True)
    assert "$50" in page and "$40" not in page
    response = client.get("/admin/tyre/export/csv/")
    assert response.mimetype == "text/csv"
    rows = response.get_data(as_text=True).split()
    assert rows == ["Brand,Price", "Alpha,$40", "Beta,$50"] or rows[1:] == ["Alpha,40", "Beta,50"]


def test_image_upload():
    """An uploaded image is kept on disk, made small enough, with a thumbnail beside it."""
    if not importlib.util.find_spec("PIL"):
        raise unittest.SkipTest("needs Pillow, which is optional")
    app = create_app()
    db = create_database(app, "images")
    from flask_admin.contrib.sqla import ModelView
    from flask_admin.form import ImageUploadField
    from PIL import Image

    folder = os.path.abspath("static")
    os.makedirs(folder, exist_ok=True)

    class Picture(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        path = db.Column(db.String(128))

    class PictureView(ModelView):
        form_extra_fields = {
            "path": ImageUploadField(
                "Image", base_path=folder, max_size=(200, 200, True), thumbnail_size=(40, 40, True)
            )
        }

    Admin(app).add_view(PictureView(Picture, db.session))
    with app.app_context():
        db.create_all()
    client, file = app.test_client(), io.BytesIO()
    Image.new("RGB", (300, 100), "red").save(file, "PNG")
    file.seek(0)
    response = client.post("/admin/picture/new/", data={"path": (file, "red.png")})
    assert response.status_code == 302
    sizes = {}
    for name in ("red.png", "red_thumb.png"):
        with Image.open(os.path.join(folder, name)) as image:
            sizes[name] = image.size
    assert sizes == {"red.png": (200, 200), "red_thumb.png": (40, 40)}
    assert "red_thumb.png" in client.get("/admin/picture/edit/?id=1").get_data(as_text=True)
