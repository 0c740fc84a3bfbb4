"""The Flask Mega-Tutorial up to user logins: register, log in, a page for users, log out."""

import os
import re
from urllib.parse import urlsplit

from flask import Flask, flash, redirect, render_template_string, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_login import login_user, logout_user
from flask_migrate import Migrate, init, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import BooleanField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, Email, EqualTo, ValidationError

SABOTAGE = [
    "flask_login/utils.py:login_user",
    "flask_login/login_manager.py:LoginManager.unauthorized",
    "flask_migrate/__init__.py:upgrade",
    "flask_wtf/form.py:FlaskForm.validate_on_submit",
]

BASE = """{% for message in get_flashed_messages() %}[{{ message }}]{% endfor %}
{% if current_user.is_anonymous %}guest{% else %}Hi, {{ current_user.username }}{% endif %}
{% if form %}{{ form.hidden_tag() }}{{ form.errors }}{% endif %}"""


class LoginForm(FlaskForm):
    username = StringField("Username", validators=[DataRequired()])
    password = PasswordField("Password", validators=[DataRequired()])
    remember_me = BooleanField("Remember Me")
    submit = SubmitField("Sign In")


def create_app(name):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy(app)
    Migrate(app, db, directory=os.path.abspath(name))
    login = LoginManager(app)
    login.login_view = "login"

    class User(UserMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(64), index=True, unique=True)
        email = db.Column(db.String(120), index=True, unique=True)
        password_hash = db.Column(db.String(256))

    @login.user_loader
    def load_user(id):
        return User.query.filter_by(id=int(id)).first()

    class RegistrationForm(FlaskForm):
        username = StringField("Username", validators=[DataRequired()])
        email = StringField("Email", validators=[DataRequired(), Email()])
        password = PasswordField("Password", validators=[DataRequired()])
        password2 = PasswordField("Repeat", validators=[DataRequired(), EqualTo("password")])
        submit = SubmitField("Register")

        def validate_username(self, username):
            if User.query.filter_by(username=username.data).first() is not None:
                raise ValidationError("Please use a different username.")

    @app.route("/index")
    @login_required
    def index():
        return render_template_string(BASE)

    @app.route("/login", methods=["GET", "POST"], endpoint="login")
    def log_in():
        if current_user.is_authenticated:
            return redirect(url_for("index"))
        form = LoginForm()
        if form.validate_on_submit():
            user = User.query.filter_by(username=form.username.data).first()
            if user is None or not check_password_hash(user.password_hash, form.password.data):
                flash("Invalid username or password")
                return redirect(url_for("login"))
            login_user(user, remember=form.remember_me.data)
            next_page = request.args.get("next")
            if not next_page or urlsplit(next_page).netloc != "":
                next_page = url_for("index")
            return redirect(next_page)
        return render_template_string(BASE, form=form)

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect(url_for("index"))

    @app.route("/register", methods=["GET", "POST"])
    def register():
        form = RegistrationForm()
        if form.validate_on_submit():
            user = User(username=form.username.data, email=form.email.data)
            user.password_hash = generate_password_hash(form.password.data)
            db.session.add(user)
            db.session.commit()
            flash("Congratulations, you are now a registered user!")
            return redirect(url_for("login"))
        return render_template_string(BASE, form=form)

    with app.app_context():
        init()
        migrate(message="users table")
        upgrade()
    return app


def submit(client, url, **data):
    """Fill in the form at a URL, as a browser that follows redirects does."""
    page = client.get(url).get_data(as_text=True)
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=data, follow_redirects=True).get_data(as_text=True)


def register(client, **changes):
    data = dict(username="susan", email="susan@example.com", password="cat", password2="cat")
    return submit(client, "/register", **dict(data, **changes))


def test_register_and_log_in():
    """A visitor registers, is sent to the login page, logs in, sees the page and logs out"""
    client = create_app("users").test_client()
    page = client.get("/index", follow_redirects=True).get_data(as_text=True)
    assert "Please log in to access this page." in page
    assert "[Congratulations, you are now a registered user!]" in register(client)
    page = submit(client, "/login?next=%2Findex", username="susan", password="cat")
    assert "Hi, susan" in page
    assert client.get("/login").headers["Location"].endswith("/index")
    assert "guest" in client.get("/logout", follow_redirects=True).get_data(as_text=True)


def test_wrong_password():
    """A wrong password or an unknown name does not log in"""
    client = create_app("wrong").test_client()
    register(client)
    for name, password in (("susan", "dog"), ("john", "cat")):
        page = submit(client, "/login", username=name, password=password)
        assert "[Invalid username or password]" in page and "guest" in page
    assert client.get("/index").status_code == 302


def test_registration_is_validated():
    """A bad address, passwords that differ or a name that is taken are refused"""
    client = create_app("invalid").test_client()
    assert "Invalid email address." in register(client, email="susan at example")
    assert "Field must be equal to password." in register(client, password2="dog")
    assert "Congratulations" in register(client)
    assert "Please use a different username." in register(client, email="s@example.com")
