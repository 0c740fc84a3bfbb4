"""RealWorld's back end in Flask: articles, comments and followers behind an API with tokens.

Each test is a step. The files grow as the application does, and it is started as its README says,
with flask db and flask run. The texts are our own, after the structure of 2019; SQLite stands in
for PostgreSQL.
"""

import os
import subprocess
import sys

from json_program import started, write

SABOTAGE = [
    "flask_apispec/annotations.py:use_kwargs",
    "flask_bcrypt.py:Bcrypt.check_password_hash",
    "flask_jwt_extended/utils.py:create_access_token",
    "flask_migrate/__init__.py:Migrate.init_app",
    "marshmallow/schema.py:Schema.dump",
]

SETTINGS = """import datetime as dt
import os


class DevConfig:
    SECRET_KEY = "secret-key-of-the-tutorial-for-development"
    BCRYPT_LOG_ROUNDS = 4
    CACHE_TYPE = "simple"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.path.join(os.getcwd(), "dev.db")
    JWT_HEADER_TYPE = "Token"
    JWT_ACCESS_TOKEN_EXPIRES = dt.timedelta(days=100)
"""

EXTENSIONS = """from flask_bcrypt import Bcrypt
from flask_caching import Cache
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import Model, SQLAlchemy


class CRUDMixin(Model):
    @classmethod
    def create(cls, **kwargs):
        return cls(**kwargs).save()

    def update(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)
        return self.save()

    def save(self):
        db.session.add(self)
        db.session.commit()
        return self

    def delete(self):
        db.session.delete(self)
        db.session.commit()


bcrypt = Bcrypt()
db = SQLAlchemy(model_class=CRUDMixin)
migrate = Migrate()
cache = Cache()
cors = CORS()
jwt = JWTManager()
"""

APP = """from flask import Flask, jsonify
from conduit.exceptions import InvalidUsage
from conduit.extensions import bcrypt, cache, cors, db, jwt, migrate
from conduit.settings import DevConfig
%s


def create_app(config_object=DevConfig):
    app = Flask(__name__.split(".")[0])
    app.url_map.strict_slashes = False
    app.config.from_object(config_object)
    bcrypt.init_app(app)
    cache.init_app(app)
    db.init_app(app)
    migrate.init_app(app, db)
    jwt.init_app(app)
    for views in (%s):
        cors.init_app(views.blueprint, origins="*")
        app.register_blueprint(views.blueprint)

    @app.errorhandler(InvalidUsage)
    def invalid_usage(error):
        return jsonify(error.message), error.status_code

    @app.route("/api")
    def about():
        return jsonify(name="conduit")

    return app
"""

EXCEPTIONS = """class InvalidUsage(Exception):
    def __init__(self, text, status_code):
        Exception.__init__(self)
        self.message, self.status_code = {"errors": {"body": [text]}}, status_code
"""

USER_MODELS = """import datetime as dt
from conduit.extensions import bcrypt, db, jwt


class User(db.Model):
    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(80), unique=True, nullable=False)
    email = db.Column(db.String(100), unique=True, nullable=False)
    password = db.Column(db.Binary(128), nullable=True)
    created_at = db.Column(db.DateTime, nullable=False, default=dt.datetime.utcnow)
    bio = db.Column(db.String(300), nullable=True)
    token = ""

    def __init__(self, username, email, password, **kwargs):
        db.Model.__init__(self, username=username, email=email, **kwargs)
        self.password = bcrypt.generate_password_hash(password)

    def check_password(self, value):
        return bcrypt.check_password_hash(self.password, value)


@jwt.user_loader_callback_loader
def load_user(identity):
    return User.query.get(int(identity))


@jwt.user_identity_loader
def identity_of(user):
    return user.id
"""

USER_VIEWS = """from flask import Blueprint
from flask_apispec import marshal_with, use_kwargs
from flask_jwt_extended import create_access_token, current_user, jwt_optional, jwt_required
from marshmallow import Schema, fields, post_dump, pre_load
from sqlalchemy.exc import IntegrityError
from conduit.exceptions import InvalidUsage
from conduit.extensions import db
from conduit.user.models import User

blueprint = Blueprint("user", __name__)


class UserSchema(Schema):
    username = fields.Str()
    email = fields.Email()
    password = fields.Str(load_only=True)
    bio = fields.Str()
    token = fields.Str(dump_only=True)
    createdAt = fields.DateTime(attribute="created_at", dump_only=True)
    user = fields.Nested("self", exclude=("user",), default=True, load_only=True)

    @pre_load
    def make_user(self, data, **kwargs):
        return data["user"]

    @post_dump
    def dump_user(self, data, **kwargs):
        return {"user": data}


user_schema = UserSchema()


@blueprint.route("/api/users", methods=("POST",))
@use_kwargs(user_schema)
@marshal_with(user_schema)
def register_user(username, password, email, **kwargs):
    try:
        user = User(username, email, password, **kwargs).save()
    except IntegrityError:
        db.session.rollback()
        raise InvalidUsage("User already registered", 422)
    user.token = create_access_token(identity=user)
    return user


@blueprint.route("/api/users/login", methods=("POST",))
@jwt_optional
@use_kwargs(user_schema)
@marshal_with(user_schema)
def login_user(email, password, **kwargs):
    user = User.query.filter_by(email=email).first()
    if user is None or not user.check_password(password):
        raise InvalidUsage("User not found", 404)
    user.token = create_access_token(identity=user, fresh=True)
    return user


@blueprint.route("/api/user", methods=("GET",))
@jwt_required
@marshal_with(user_schema)
def get_user():
    return current_user


@blueprint.route("/api/user", methods=("PUT",))
@jwt_required
@use_kwargs(user_schema)
@marshal_with(user_schema)
def update_user(**kwargs):
    return current_user.update(**kwargs)
"""

ARTICLE_MODELS = """import datetime as dt
from slugify import slugify
from conduit.extensions import db

favoriters = db.Table(
    "favoriters",
    db.Column("user", db.Integer, db.ForeignKey("users.id")),
    db.Column("article", db.Integer, db.ForeignKey("article.id")),
)


class Article(db.Model):
    __tablename__ = "article"
    id = db.Column(db.Integer, primary_key=True)
    slug = db.Column(db.Text, unique=True)
    title = db.Column(db.String(100), nullable=False)
    body = db.Column(db.Text)
    createdAt = db.Column(db.DateTime, nullable=False, default=dt.datetime.utcnow)
    author_id = db.Column(db.ForeignKey("users.id"), nullable=False)
    author = db.relationship("User", backref=db.backref("articles"))
    favoriters = db.relationship(
        "User", secondary=favoriters, backref="favorites", lazy="dynamic"
    )

    def __init__(self, author, title, body, **kwargs):
        db.Model.__init__(self, author=author, title=title, body=body, slug=slugify(title))

    @property
    def favoritesCount(self):
        return len(self.favoriters.all())


class Comment(db.Model):
    __tablename__ = "comment"
    id = db.Column(db.Integer, primary_key=True)
    body = db.Column(db.Text)
    author_id = db.Column(db.ForeignKey("users.id"), nullable=False)
    author = db.relationship("User", backref=db.backref("comments"))
    article_id = db.Column(db.ForeignKey("article.id"), nullable=False)
    article = db.relationship("Article", backref=db.backref("comments", lazy="dynamic"))
"""

ARTICLE_VIEWS = """from flask import Blueprint
from flask_apispec import marshal_with, use_kwargs
from flask_jwt_extended import current_user, jwt_optional, jwt_required
from marshmallow import Schema, fields, post_dump, pre_load
from conduit.articles.models import Article, Comment
from conduit.exceptions import InvalidUsage
from conduit.user.models import User

blueprint = Blueprint("articles", __name__)


class AuthorSchema(Schema):
    username = fields.Str()


class ArticleSchema(Schema):
    slug = fields.Str()
    title = fields.Str()
    body = fields.Str()
    createdAt = fields.DateTime(dump_only=True)
    author = fields.Nested(AuthorSchema)
    favoritesCount = fields.Int(dump_only=True)
    article = fields.Nested("self", exclude=("article",), default=True, load_only=True)

    @pre_load
    def make_article(self, data, **kwargs):
        return data["article"]

    @post_dump
    def dump_article(self, data, **kwargs):
        return {"article": data}


class ArticlesSchema(ArticleSchema):
    @post_dump
    def dump_article(self, data, **kwargs):
        return data

    @post_dump(pass_many=True)
    def dump_articles(self, data, many, **kwargs):
        return {"articles": data, "articlesCount": len(data)}


class CommentSchema(Schema):
    id = fields.Int()
    body = fields.Str()
    author = fields.Nested(AuthorSchema)
    comment = fields.Nested("self", exclude=("comment",), default=True, load_only=True)

    @pre_load
    def make_comment(self, data, **kwargs):
        return data["comment"]

    @post_dump
    def dump_comment(self, data, **kwargs):
        return {"comment": data}


article_schema, articles_schema = ArticleSchema(), ArticlesSchema(many=True)
comment_schema = CommentSchema()


def find_article(slug):
    article = Article.query.filter_by(slug=slug).first()
    if not article:
        raise InvalidUsage("Article not found", 404)
    return article


@blueprint.route("/api/articles", methods=("GET",))
@jwt_optional
@use_kwargs({"author": fields.Str(), "limit": fields.Int(), "offset": fields.Int()})
@marshal_with(articles_schema)
def get_articles(author=None, limit=20, offset=0):
    found = Article.query
    if author:
        found = found.join(Article.author).filter(User.username == author)
    return found.offset(offset).limit(limit).all()


@blueprint.route("/api/articles", methods=("POST",))
@jwt_required
@use_kwargs(article_schema)
@marshal_with(article_schema)
def make_article(title, body, **kwargs):
    return Article(current_user, title, body).save()


@blueprint.route("/api/articles/<slug>/favorite", methods=("POST",))
@jwt_required
@marshal_with(article_schema)
def favorite_an_article(slug):
    article = find_article(slug)
    article.favoriters.append(current_user)
    return article.save()


@blueprint.route("/api/articles/<slug>/comments", methods=("POST",))
@jwt_required
@use_kwargs(comment_schema)
@marshal_with(comment_schema)
def make_comment(slug, body, **kwargs):
    return Comment.create(article=find_article(slug), author=current_user, body=body)
"""


def write_application(*parts):
    """Write the application as it is with these parts, and how flask finds it."""
    os.makedirs("conduit", exist_ok=True)
    write("conduit/__init__.py", "")
    write("conduit/settings.py", SETTINGS)
    write("conduit/extensions.py", EXTENSIONS)
    write("conduit/exceptions.py", EXCEPTIONS)
    for name, models, views in parts:
        os.makedirs("conduit/" + name, exist_ok=True)
        write("conduit/%s/__init__.py" % name, "")
        write("conduit/%s/models.py" % name, models)
        write("conduit/%s/views.py" % name, views)
    imports = "".join("import conduit.%s.views\n" % name for name, _, _ in parts)
    views = "".join("conduit.%s.views, " % name for name, _, _ in parts)
    write("conduit/app.py", APP % (imports, views))
    write("autoapp.py", "from conduit.app import create_app\n\napp = create_app()\n")
    os.environ["FLASK_APP"] = "autoapp.py"


USERS = ("user", USER_MODELS, USER_VIEWS)
ARTICLES = ("articles", ARTICLE_MODELS, ARTICLE_VIEWS)


def flask(*arguments):
    """Type flask ARGUMENTS; what it says last must be no error."""
    command = [sys.executable, "-m", "flask"] + list(arguments)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode().strip().splitlines()[-1:]
    assert done.returncode == 0, said


def running():
    """Type flask run."""
    return started("-m", "flask", "run", "--port", "$PORT")


def credentials(name):
    """Return what a user registers and logs in with."""
    return {"email": name + "@example.org", "password": "secret"}


def test_step_1_application():
    """The application factory with its extensions answers under flask run"""
    write_application()
    with running() as ask:
        assert ask("GET", "/api") == (200, {"name": "conduit"})


def test_step_2_database():
    """flask db init, migrate and upgrade make the table of users"""
    write_application(USERS)
    flask("db", "init")
    flask("db", "migrate")
    flask("db", "upgrade")
    assert os.path.exists("dev.db")


def logged_in(ask):
    """Return the headers of the user of the next steps, who has registered."""
    status, answer = ask("POST", "/api/users/login", user=credentials("ada"))
    assert status == 200, answer
    return {"Authorization": "Token " + answer["user"]["token"]}


def test_step_3_users():
    """Users register, log in and change what others read of them"""
    with running() as ask:
        status, answer = ask("POST", "/api/users", user=dict(credentials("ada"), username="ada"))
        assert (status, answer["user"]["username"]) == (200, "ada"), answer
        assert ask("POST", "/api/users", user=dict(credentials("ada"), username="ada"))[0] == 422
        assert (
            ask("POST", "/api/users/login", user=dict(credentials("ada"), password="x"))[0] == 404
        )
        headers = logged_in(ask)
        assert ask("PUT", "/api/user", headers, user={"bio": "Counts"})[0] == 200
        assert ask("GET", "/api/user", headers)[1]["user"]["bio"] == "Counts"
        assert ask("GET", "/api/user")[0] == 401


def test_step_4_articles():
    """Articles are written, listed and marked as favourites"""
    write_application(USERS, ARTICLES)
    flask("db", "migrate")
    flask("db", "upgrade")
    with running() as ask:
        headers = logged_in(ask)
        draft = {"title": "Flask at last", "body": "It works."}
        status, answer = ask("POST", "/api/articles", headers, article=draft)
        assert (status, answer["article"]["slug"]) == (200, "flask-at-last"), answer
        path = "/api/articles/flask-at-last/favorite"
        assert ask("POST", path, headers)[1]["article"]["favoritesCount"] == 1
        listed = ask("GET", "/api/articles?author=ada")[1]
        assert listed["articles"][0]["author"] == {"username": "ada"}
        assert ask("GET", "/api/articles?author=bob")[1]["articlesCount"] == 0


def test_step_5_comments():
    """An article gets a comment; one that is not there gets none"""
    with running() as ask:
        headers, comment = logged_in(ask), {"body": "Indeed."}
        path = "/api/articles/flask-at-last/comments"
        status, answer = ask("POST", path, headers, comment=comment)
        assert (status, answer["comment"]["author"]["username"]) == (200, "ada"), answer
        assert ask("POST", "/api/articles/none/comments", headers, comment=comment)[0] == 404
