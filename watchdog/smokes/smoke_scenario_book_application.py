"""The application of a well-known book on Flask: confirmed accounts, posts in Markdown, an API."""

import base64
import os
import re
from datetime import datetime
from threading import Thread

from flask import Flask, flash, g, jsonify, redirect, render_template_string, url_for
from flask_httpauth import HTTPBasicAuth
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_mail import Mail, Message
from flask_migrate import Migrate
from flask_moment import Moment
from flask_pagedown import PageDown
from flask_pagedown.fields import PageDownField
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, Email, Length

try:
    from flask_bootstrap import Bootstrap5 as Bootstrap

    FORM = "bootstrap5/form.html"
except ImportError:
    from flask_bootstrap import Bootstrap

    FORM = "bootstrap/form.html"

SABOTAGE = [
    "flask_mail/__init__.py:Connection.send",
    "flask_login/utils.py:login_user",
    "flask_httpauth.py:HTTPAuth.login_required",
    "flask_moment/__init__.py:moment._render",
]

PAGE = """{{% from "{form}" import render_form %}}<head>{{{{ bootstrap.load_css() }}}}</head>
{{{{ moment.include_moment() }}}}{{{{ pagedown.include_pagedown() }}}}
{{% for message in get_flashed_messages() %}}[{{{{ message }}}}]{{% endfor %}}
{{% for post in posts %}}<li>{{{{ post.author.email }}}}: {{{{ post.body }}}}
{{{{ moment(post.timestamp).fromNow() }}}}</li>{{% endfor %}}
{{{{ render_form(form) }}}}""".format(form=FORM)


class UserForm(FlaskForm):
    email = StringField("Email", validators=[DataRequired(), Length(1, 64), Email()])
    password = PasswordField("Password", validators=[DataRequired()])
    submit = SubmitField("Go")


class PostForm(FlaskForm):
    body = PageDownField("What's on your mind?", validators=[DataRequired()])
    submit = SubmitField("Submit")


def create_app(name):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
        MAIL_DEFAULT_SENDER="Flasky Admin <flasky@example.com>",
    )
    db, mail, login_manager = SQLAlchemy(), Mail(), LoginManager()
    for extension in (db, mail, login_manager, Bootstrap(), Moment(), PageDown()):
        extension.init_app(app)
    Migrate(app, db)
    login_manager.login_view = "login"
    auth = HTTPBasicAuth()
    serializer = URLSafeTimedSerializer(app.config["SECRET_KEY"])

    class User(UserMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)
        email = db.Column(db.String(64), unique=True, index=True)
        password_hash = db.Column(db.String(256))
        confirmed = db.Column(db.Boolean, default=False)

    class BlogPost(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        body = db.Column(db.Text)
        timestamp = db.Column(db.DateTime, default=datetime(2020, 5, 6, 7, 8, 9))
        author_id = db.Column(db.Integer, db.ForeignKey("user.id"))
        author = db.relationship("User", backref="posts")

    @login_manager.user_loader
    def load_user(user_id):
        return User.query.filter_by(id=int(user_id)).first()

    def send_async_email(message):
        with app.app_context():
            mail.send(message)

    def check(email, password):
        user = User.query.filter_by(email=email).first()
        return user if user and check_password_hash(user.password_hash, password) else None

    @auth.verify_password
    def verify_password(email_or_token, password):
        if password:
            g.current_user = check(email_or_token, password)
            return g.current_user is not None
        try:
            user_id = serializer.loads(email_or_token, salt="api", max_age=3600)
        except BadSignature:
            return False
        g.current_user = load_user(user_id)
        return g.current_user is not None

    @app.route("/register", methods=["GET", "POST"])
    def register():
        form = UserForm()
        if form.validate_on_submit():
            hashed = generate_password_hash(form.password.data)
            user = User(email=form.email.data, password_hash=hashed)
            db.session.add(user)
            db.session.commit()
            token = serializer.dumps(user.id, salt="confirm")
            message = Message("[Flasky] Confirm Your Account", recipients=[user.email])
            message.body = "Click " + url_for("confirm", token=token, _external=True)
            app.sending = Thread(target=send_async_email, args=[message])
            app.sending.start()
            return redirect(url_for("login"))
        return render_template_string(PAGE, form=form)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        form = UserForm()
        user = check(form.email.data, form.password.data) if form.validate_on_submit() else None
        if user:
            login_user(user)
            return redirect(url_for("index"))
        return render_template_string(PAGE, form=form)

    @app.route("/confirm/<token>")
    @login_required
    def confirm(token):
        try:
            current_user.confirmed = (
                serializer.loads(token, salt="confirm", max_age=3600) == current_user.id
            )
            db.session.commit()
            flash("Confirmed: %s" % current_user.confirmed)
        except BadSignature:
            flash("The confirmation link is invalid or has expired.")
        return redirect(url_for("index"))

    @app.route("/", methods=["GET", "POST"])
    @login_required
    def index():
        form = PostForm()
        if form.validate_on_submit():
            db.session.add(BlogPost(body=form.body.data, author=current_user._get_current_object()))
            db.session.commit()
            return redirect(url_for("index"))
        return render_template_string(PAGE, form=form, posts=BlogPost.query.all())

    @app.route("/api/v1/tokens/", methods=["POST"])
    @auth.login_required
    def get_token():
        return jsonify(token=serializer.dumps(g.current_user.id, salt="api"))

    @app.route("/api/v1/posts/")
    @auth.login_required
    def get_posts():
        return jsonify(posts=[post.body for post in g.current_user.posts])

    with app.app_context():
        db.create_all()
    app.mail = mail
    return app


def submit(client, url, **data):
    page = client.get(url).get_data(as_text=True)
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=data, follow_redirects=True).get_data(as_text=True)


def sign_up(app):
    """A client that is logged in as a new user, and the message the user got."""
    client = app.test_client()
    ada = {"email": "ada@example.com", "password": "cat"}
    with app.app_context(), app.mail.record_messages() as outbox:
        submit(client, "/register", **ada)
        app.sending.join(5)
        (message,) = outbox
    submit(client, "/login", **ada)
    return client, message


def test_confirmation_by_mail():
    """A new user gets a link by mail, which confirms the account; a forged one does not"""
    client, message = sign_up(create_app("mail"))
    assert message.send_to == {"ada@example.com"}
    assert message.subject == "[Flasky] Confirm Your Account"
    path = re.search(r"http://localhost(/confirm/\S+)", message.body).group(1)
    page = client.get(path, follow_redirects=True).get_data(as_text=True)
    assert "[Confirmed: True]" in page
    page = client.get(path + "x", follow_redirects=True).get_data(as_text=True)
    assert "[The confirmation link is invalid or has expired.]" in page


def test_posts():
    """A user writes a post; the page shows it, its age, the form and the scripts it needs"""
    client, _ = sign_up(create_app("posts"))
    page = submit(client, "/", body="I like **tea**")
    assert "<li>ada@example.com: I like **tea**" in page
    assert 'data-timestamp="2020-05-06T07:08:09Z"' in page
    for part in ("Markdown.Converter.min.js", "moment-with-locales.min.js", "bootstrap.min.css"):
        assert part in page
    assert 'name="body"' in page and "form-control" in page


def test_api_with_token():
    """An API client gets a token for its password, and then uses the token instead"""
    app = create_app("api")
    client, _ = sign_up(app)
    submit(client, "/", body="first")

    def headers(name, password=""):
        encoded = base64.b64encode((name + ":" + password).encode()).decode()
        return {"Authorization": "Basic " + encoded}

    api = app.test_client()
    assert api.get("/api/v1/posts/").status_code == 401
    assert api.get("/api/v1/posts/", headers=headers("ada@example.com", "dog")).status_code == 401
    response = api.post("/api/v1/tokens/", headers=headers("ada@example.com", "cat"))
    token = response.get_json()["token"]
    response = api.get("/api/v1/posts/", headers=headers(token))
    assert response.get_json() == {"posts": ["first"]}
    assert api.get("/api/v1/posts/", headers=headers(token + "x")).status_code == 401
