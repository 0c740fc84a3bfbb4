"""The Flask Mega-Tutorial in its form of December 2023, chapters 1 to 14: a microblog grows.

Each test is a chapter. It types what the chapter adds to the files of the application, which are
those of the chapters before, and starts it as the chapter does. The texts are our own.
"""

import contextlib
import importlib
import inspect
import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

SABOTAGE = [
    "flask_login/utils.py:login_user",
    "flask_mail/__init__.py:Connection.send",
    "flask_moment/__init__.py:moment._render",
    "flask_babel/__init__.py:gettext",
    "flask_migrate/__init__.py:upgrade",
]

sys.dont_write_bytecode = True  # a file that is changed twice in a second would be loaded once


def write(name, text):
    """Write a file of the application."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def edit(name, *changes):
    """Change a file: each old text, which must be there, becomes a new one."""
    with open(name) as file:
        text = file.read()
    for old, new in changes:
        assert old in text or new in text, (name, old)
        text = text.replace(old, new, 1)
    write(name, text)


def add(name, *texts):
    """Add something to the end of a file, once."""
    with open(name) as file:
        text = file.read()
    write(name, text + "".join(part for part in texts if part not in text))


def load(name="app"):
    """Import a module of the application as a new process would."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in list(sys.modules):
        if module.split(".")[0] in ("app", "config", "microblog"):
            del sys.modules[module]
    importlib.invalidate_caches()
    logger = logging.getLogger("app")
    logger.disabled = False
    logger.handlers.clear()
    return importlib.import_module(name)


def environment(**more):
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=os.getcwd(), **more)


def run(*command, **options):
    """Run a command of the environment, such as flask or pybabel; return what it printed."""
    done = subprocess.run(
        (sys.executable, "-m") + command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=environment(),
        **options,
    )
    assert done.returncode == 0, done.stdout.strip().splitlines()[-1:]
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return response.read().decode()


@contextlib.contextmanager
def started(command, port, log, **more):
    """Start a program that serves on a port; wait until it answers, and end it at last."""
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment(**more))
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with open(log) as out:
                said = out.read().strip().splitlines()[-1:]
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)
        yield "http://127.0.0.1:%d" % port
    finally:
        process.terminate()
        process.wait(9)


def submit(client, url, **data):
    """Fill in the form of a page, as a browser that follows redirects does."""
    page = client.get(url).get_data(as_text=True)
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=data, follow_redirects=True).get_data(as_text=True)


def client_of(app, username=None):
    """A browser, of a user who is registered and logged in."""
    app.config["PROPAGATE_EXCEPTIONS"] = True
    client = app.test_client()
    if username:
        prefix = "/auth" if "auth" in app.blueprints else ""
        mail = username + "@example.com"
        submit(client, prefix + "/register", username=username, email=mail, password="cat")
        submit(client, prefix + "/login", username=username, password="cat")
    return client


def needs_this_form():
    """Skip where the tutorial was still written in another way."""
    flask_sqlalchemy = importlib.import_module("flask_sqlalchemy")
    names = inspect.signature(flask_sqlalchemy.SQLAlchemy.__init__).parameters
    if "disable_autonaming" not in names:
        raise unittest.SkipTest("this form of the tutorial needs Flask-SQLAlchemy 3.1")


def test_chapter_01_hello_world():
    """Chapter 1, Hello, World!: a package with one view, started by flask run"""
    write(".flaskenv", "FLASK_APP=microblog.py\n")
    write("microblog.py", "from app import app\n")
    write(
        "app/__init__.py",
        "from flask import Flask\n\napp = Flask(__name__)\n# set up\n\nfrom app import routes\n",
    )
    write(
        "app/routes.py",
        "from app import app\n\n\n@app.route('/')\n@app.route('/index')\n"
        "def index():\n    return 'Hello, World!'\n",
    )
    assert client_of(load().app).get("/index").data == b"Hello, World!"
    port = free_port()
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    with started(command, port, "run.log") as address:
        assert fetch(address + "/") == "Hello, World!"


BASE = """<title>{% block title %}Microblog{% endblock %}</title>
{% for message in get_flashed_messages() %}[{{ message }}]{% endfor %}
{% block content %}{% endblock %}
"""
INDEX = """{% extends 'base.html' %}{% block content %}<h1>Hi, {{ user.username }}!</h1>
{% for post in posts %}<p>{{ post.author.username }} says: {{ post.body }}</p>{% endfor %}
{% endblock %}"""
FORM = """{% extends 'base.html' %}{% block content %}<h1>{{ title }}</h1><form method="post">
{{ form.hidden_tag() }}{% for field in form %}{{ field.label }}{{ field }}
{% for error in field.errors %}<i>{{ error }}</i>{% endfor %}{% endfor %}</form>{% endblock %}"""


def test_chapter_02_templates():
    """Chapter 2, Templates: inheritance, a loop over posts"""
    write("app/templates/base.html", BASE)
    write("app/templates/index.html", INDEX)
    write(
        "app/routes.py",
        """from flask import render_template
from app import app


@app.route('/')
@app.route('/index')
def index():
    posts = [{'author': {'username': 'John'}, 'body': 'Beautiful day!'}]
    return render_template('index.html', user={'username': 'Miguel'}, posts=posts)
""",
    )
    page = client_of(load().app).get("/").get_data(as_text=True)
    assert "<h1>Hi, Miguel!</h1>" in page and "<p>John says: Beautiful day!</p>" in page


def test_chapter_03_web_forms():
    """Chapter 3, Web Forms: a configuration, a login form with Flask-WTF"""
    write("config.py", "class Config:\n    SECRET_KEY = 'you-will-never-guess'\n")
    edit(
        "app/__init__.py",
        ("import Flask\n", "import Flask\nfrom config import Config\n"),
        ("# set up", "app.config.from_object(Config)\n# set up"),
    )
    write(
        "app/forms.py",
        """from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired


class LoginForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired()])
    password = PasswordField('Password', validators=[DataRequired()])
    remember_me = BooleanField('Remember Me')
    submit = SubmitField('Sign In')
""",
    )
    write("app/templates/form.html", FORM)
    edit("app/routes.py", ("import render_template", "import flash, redirect, render_template"))
    add(
        "app/routes.py",
        """

from app.forms import LoginForm


@app.route('/login', methods=['GET', 'POST'])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        flash(f'Login requested for user {form.username.data}')
        return redirect('/index')
    return render_template('form.html', title='Sign In', form=form)
""",
    )
    client = client_of(load().app)
    assert "<i>This field is required.</i>" in submit(client, "/login", username="")
    page = submit(client, "/login", username="susan", password="cat")
    assert "[Login requested for user susan]" in page


MODELS = """from datetime import datetime, timezone
from typing import Optional
import sqlalchemy as sa
import sqlalchemy.orm as so
from app import db
# more imports


class User(db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    username: so.Mapped[str] = so.mapped_column(sa.String(64), index=True, unique=True)
    email: so.Mapped[str] = so.mapped_column(sa.String(120), index=True, unique=True)
    password_hash: so.Mapped[Optional[str]] = so.mapped_column(sa.String(256))
    posts: so.WriteOnlyMapped['Post'] = so.relationship(back_populates='author')
    # more of the user

    def __repr__(self):
        return f'<User {self.username}>'


class Post(db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    body: so.Mapped[str] = so.mapped_column(sa.String(140))
    timestamp: so.Mapped[datetime] = so.mapped_column(
        index=True, default=lambda: datetime.now(timezone.utc))
    user_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey(User.id), index=True)
    author: so.Mapped[User] = so.relationship(back_populates='posts')
    # more of the post

    def __repr__(self):
        return f'<Post {self.body}>'
"""


def migrate(message):
    """Migrate the database, as flask db migrate and flask db upgrade do."""
    app = getattr(load("microblog"), "app")
    for arguments in (["migrate", "-m", message], ["upgrade"]):
        result = app.test_cli_runner().invoke(args=["db"] + arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
    return getattr(load("microblog"), "app")


def test_chapter_04_database():
    """Chapter 4, Database: typed models, flask db init, migrate and upgrade, flask shell"""
    needs_this_form()
    edit(
        "config.py",
        (
            "guess'\n",
            "guess'\n    SQLALCHEMY_DATABASE_URI = 'sqlite:///'"
            " + os.path.join(os.path.abspath('.'), 'app.db')\n    # more\n",
        ),
        ("class", "import os\n\n\nclass"),
    )
    edit(
        "app/__init__.py",
        (
            "import Config\n",
            "import Config\nfrom flask_sqlalchemy import SQLAlchemy\n"
            "from flask_migrate import Migrate\n",
        ),
        ("# set up", "db = SQLAlchemy(app)\nmigrate = Migrate(app, db)\n# set up"),
        ("import routes\n", "import routes, models\n"),
    )
    write("app/models.py", MODELS)
    write(
        "microblog.py",
        """import sqlalchemy as sa
import sqlalchemy.orm as so
from app import app, db
from app.models import User, Post


@app.shell_context_processor
def make_shell_context():
    return {'sa': sa, 'so': so, 'db': db, 'User': User, 'Post': Post}
""",
    )
    load("microblog")
    for command in (["init"], ["migrate", "-m", "users table"], ["upgrade"]):
        run("flask", "db", *command)
    typed = """db.session.add(User(username='john', email='john@example.com'))
db.session.commit()
db.session.add(Post(body='my first post!', author=db.session.get(User, 1)))
db.session.commit()
print(db.session.scalars(sa.select(User)).all(), db.session.scalars(sa.select(Post)).all())
"""
    assert "[<User john>] [<Post my first post!>]" in run("flask", "shell", input=typed)


def test_chapter_05_user_logins():
    """Chapter 5, User Logins: password hashes, Flask-Login, a registration form"""
    needs_this_form()
    edit(
        "app/__init__.py",
        ("import Migrate\n", "import Migrate\nfrom flask_login import LoginManager\n"),
        ("# set up", "login = LoginManager(app)\nlogin.login_view = 'login'\n# set up"),
    )
    edit(
        "app/models.py",
        (
            "# more imports\n",
            "# more imports\nfrom flask_login import UserMixin\nfrom app import login\n"
            "from werkzeug.security import generate_password_hash, check_password_hash\n",
        ),
        ("class User(db.Model)", "class User(UserMixin, db.Model)"),
        (
            "    # more of the user\n",
            """
    def set_password(self, password):
        self.password_hash = generate_password_hash(password)

    def check_password(self, password):
        return check_password_hash(self.password_hash, password)

    # more of the user
""",
        ),
    )
    loader = (
        "\n\n@login.user_loader\ndef load_user(id):\n    return db.session.get(User, int(id))\n"
    )
    add("app/models.py", loader)
    edit("app/forms.py", ("DataRequired\n", "DataRequired, Email, EqualTo, ValidationError\n"))
    add(
        "app/forms.py",
        """

import sqlalchemy as sa
from app import db
from app.models import User


class RegistrationForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired()])
    email = StringField('Email', validators=[DataRequired(), Email()])
    password = PasswordField('Password', validators=[DataRequired()])
    submit = SubmitField('Register')

    def validate_username(self, username):
        if db.session.scalar(sa.select(User).where(User.username == username.data)) is not None:
            raise ValidationError('Please use a different username.')
""",
    )
    edit("app/templates/index.html", ("user.username", "current_user.username"))
    write("app/routes.py", ROUTES)
    app = migrate("nothing new").app_context().app
    client = client_of(app)
    page = client.get("/index", follow_redirects=True).get_data(as_text=True)
    assert "[Please log in to access this page.]" in page and "Sign In" in page
    new = dict(username="susan", email="susan at example", password="cat")
    assert "Invalid email address." in submit(client, "/register", **new)
    new["email"] = "susan@example.com"
    assert "[Congratulations" in submit(client, "/register", **new)
    assert "Please use a different username." in submit(client, "/register", **new)
    page = submit(client, "/login", username="susan", password="dog")
    assert "[Invalid username or password]" in page
    page = submit(client, "/login?next=/index", username="susan", password="cat")
    assert "<h1>Hi, susan!</h1>" in page
    assert client.get("/logout").status_code == 302 and client.get("/index").status_code == 302


ROUTES = """from urllib.parse import urlsplit
from datetime import datetime, timezone
from flask import abort, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user
import sqlalchemy as sa
from app import app, db
from app.forms import LoginForm, RegistrationForm
from app.models import User, Post


@app.route('/', methods=['GET', 'POST'])
@app.route('/index', methods=['GET', 'POST'])
@login_required
def index():
    posts = [{'author': {'username': 'John'}, 'body': 'Beautiful day!'}]
    return render_template('index.html', posts=posts)


@app.route('/login', methods=['GET', 'POST'])
def login():
    if current_user.is_authenticated:
        return redirect(url_for('index'))
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.scalar(sa.select(User).where(User.username == form.username.data))
        if user is None or not user.check_password(form.password.data):
            flash('Invalid username or password')
            return redirect(url_for('login'))
        login_user(user, remember=form.remember_me.data)
        next_page = request.args.get('next')
        if not next_page or urlsplit(next_page).netloc != '':
            next_page = url_for('index')
        return redirect(next_page)
    return render_template('form.html', title='Sign In', form=form)


@app.route('/logout')
def logout():
    logout_user()
    return redirect(url_for('index'))


@app.route('/register', methods=['GET', 'POST'])
def register():
    form = RegistrationForm()
    if form.validate_on_submit():
        user = User(username=form.username.data, email=form.email.data)
        user.set_password(form.password.data)
        db.session.add(user)
        db.session.commit()
        flash('Congratulations, you are now a registered user!')
        return redirect(url_for('login'))
    return render_template('form.html', title='Register', form=form)
"""


def test_chapter_06_profile():
    """Chapter 6, Profile Page and Avatars: new columns, before_request, an editor"""
    needs_this_form()
    edit(
        "app/models.py",
        ("# more imports\n", "# more imports\nfrom hashlib import md5\n"),
        (
            "    # more of the user\n",
            """    about_me: so.Mapped[Optional[str]] = so.mapped_column(sa.String(140))
    last_seen: so.Mapped[Optional[datetime]] = so.mapped_column(
        default=lambda: datetime.now(timezone.utc))

    def avatar(self, size):
        digest = md5(self.email.lower().encode('utf-8')).hexdigest()
        return f'/avatar/{digest}?d=identicon&s={size}'

    # more of the user
""",
        ),
    )
    add(
        "app/forms.py",
        """

from wtforms import TextAreaField
from wtforms.validators import Length


class EditProfileForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired()])
    about_me = TextAreaField('About me', validators=[Length(min=0, max=140)])
    submit = SubmitField('Submit')
""",
    )
    write(
        "app/templates/user.html",
        """{% extends 'base.html' %}{% block content %}<h1>User: {{ user.username }}</h1>
<img src="{{ user.avatar(128) }}"><p>{{ user.about_me }}</p><p>{{ user.last_seen }}</p>
{% for post in posts %}{% include '_post.html' %}{% endfor %}{% endblock %}""",
    )
    write("app/templates/_post.html", "<p>{{ post.author.username }} says: {{ post.body }}</p>")
    edit("app/routes.py", ("import LoginForm", "import EditProfileForm, LoginForm"))
    add(
        "app/routes.py",
        """

@app.before_request
def before_request():
    if current_user.is_authenticated:
        current_user.last_seen = datetime.now(timezone.utc)
        db.session.commit()


@app.route('/user/<username>')
@login_required
def user(username):
    user = db.first_or_404(sa.select(User).where(User.username == username))
    return render_template('user.html', user=user, posts=db.session.scalars(user.posts.select()))


@app.route('/edit_profile', methods=['GET', 'POST'])
@login_required
def edit_profile():
    form = EditProfileForm(obj=current_user)
    if form.validate_on_submit():
        current_user.username = form.username.data
        current_user.about_me = form.about_me.data
        db.session.commit()
        flash('Your changes have been saved.')
        return redirect(url_for('edit_profile'))
    return render_template('form.html', title='Edit Profile', form=form)
""",
    )
    client = client_of(migrate("new fields in user model").app_context().app, "ada")
    page = submit(client, "/edit_profile", username="ada", about_me="I count.")
    assert "[Your changes have been saved.]" in page
    page = client.get("/user/ada").get_data(as_text=True)
    assert "User: ada" in page and "<p>I count.</p>" in page and "d=identicon&amp;s=128" in page
    assert client.get("/user/nobody").status_code == 404


def test_chapter_07_error_handling():
    """Chapter 7, Error Handling: pages of one's own, errors by mail and in a log file"""
    needs_this_form()
    edit(
        "config.py", ("# more", "MAIL_SERVER = 'localhost'\n    MAIL_PORT = %s\n    # more" % PORT)
    )
    edit("app/__init__.py", ("import routes, models\n", "import routes, models, errors\n"))
    add(
        "app/__init__.py",
        """

import os
import logging
from logging.handlers import RotatingFileHandler, SMTPHandler

if not app.debug:
    mail_handler = SMTPHandler(
        mailhost=(app.config['MAIL_SERVER'], app.config['MAIL_PORT']),
        fromaddr='no-reply@localhost', toaddrs=['you@example.com'], subject='Microblog Failure')
    mail_handler.setLevel(logging.ERROR)
    app.logger.addHandler(mail_handler)
    os.makedirs('logs', exist_ok=True)
    file_handler = RotatingFileHandler('logs/microblog.log', maxBytes=10240, backupCount=10)
    file_handler.setLevel(logging.INFO)
    app.logger.addHandler(file_handler)
    app.logger.setLevel(logging.INFO)
    app.logger.info('Microblog startup')
""",
    )
    write(
        "app/errors.py",
        """from flask import render_template
from app import app, db


@app.errorhandler(404)
def not_found_error(error):
    return render_template('error.html', text='File Not Found'), 404


@app.errorhandler(500)
def internal_error(error):
    db.session.rollback()
    return render_template('error.html', text='An unexpected error has occurred'), 500
""",
    )
    error = "{% extends 'base.html' %}{% block content %}<h1>{{ text }}</h1>{% endblock %}"
    write("app/templates/error.html", error)
    app = load().app
    app.add_url_rule("/fail", "fail", lambda: {}["no such key"])
    client = app.test_client()
    assert b"<h1>File Not Found</h1>" in client.get("/nothing").data
    with mail_server() as mailbox:
        assert b"<h1>An unexpected error has occurred</h1>" in client.get("/fail").data
    assert "Subject: Microblog Failure" in mailbox() and "KeyError: 'no such key'" in mailbox()
    with open("logs/microblog.log") as file:
        assert "Microblog startup" in file.read()


PORT = free_port()


@contextlib.contextmanager
def mail_server():
    """The debugging server of the tutorial, which prints its mails; gives what it printed."""
    where = "127.0.0.1:%d" % PORT
    debugging = ["aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Debugging", "-l", where]
    name = "mail-%s.log" % uuid.uuid4().hex
    with started([sys.executable, "-u", "-m"] + debugging, PORT, name):
        yield lambda: open(name).read()


def test_chapter_08_followers():
    """Chapter 8, Followers: a many-to-many relationship with itself, and unit tests"""
    needs_this_form()
    edit(
        "app/models.py",
        (
            "\n\nclass User(",
            """

followers = sa.Table(
    'followers', db.metadata,
    sa.Column('follower_id', sa.Integer, sa.ForeignKey('user.id'), primary_key=True),
    sa.Column('followed_id', sa.Integer, sa.ForeignKey('user.id'), primary_key=True))


class User(""",
        ),
        (
            "    # more of the user\n",
            """    following: so.WriteOnlyMapped['User'] = so.relationship(
        secondary=followers, primaryjoin=(followers.c.follower_id == id),
        secondaryjoin=(followers.c.followed_id == id), back_populates='followers')
    followers: so.WriteOnlyMapped['User'] = so.relationship(
        secondary=followers, primaryjoin=(followers.c.followed_id == id),
        secondaryjoin=(followers.c.follower_id == id), back_populates='following')

    def follow(self, user):
        if not self.is_following(user):
            self.following.add(user)

    def unfollow(self, user):
        if self.is_following(user):
            self.following.remove(user)

    def is_following(self, user):
        query = self.following.select().where(User.id == user.id)
        return db.session.scalar(query) is not None

    def followers_count(self):
        query = sa.select(sa.func.count()).select_from(self.followers.select().subquery())
        return db.session.scalar(query)

    def following_posts(self):
        Author, Follower = so.aliased(User), so.aliased(User)
        return (
            sa.select(Post)
            .join(Post.author.of_type(Author))
            .join(Author.followers.of_type(Follower), isouter=True)
            .where(sa.or_(Follower.id == self.id, Author.id == self.id))
            .group_by(Post)
            .order_by(Post.timestamp.desc()))

    # more of the user
""",
        ),
    )
    write("tests.py", "import os\nos.environ['DATABASE_URL'] = 'sqlite://'\n" + UNIT_TESTS)
    edit(
        "config.py",
        (
            "'sqlite:///' + os.path.join(os.path.abspath('.'), 'app.db')",
            "os.environ.get('DATABASE_URL') or \\\n"
            "        'sqlite:///' + os.path.join(os.path.abspath('.'), 'app.db')",
        ),
    )
    add(
        "app/routes.py",
        """

@app.route('/follow/<username>', methods=['POST'])
@login_required
def follow(username):
    current_user.follow(db.first_or_404(sa.select(User).where(User.username == username)))
    db.session.commit()
    flash(f'You are following {username}!')
    return redirect(url_for('user', username=username))
""",
    )
    app = migrate("followers").app_context().app
    client_of(app, "grace")
    page = client_of(app, "linus").post("/follow/grace", follow_redirects=True)
    assert b"[You are following grace!]" in page.data
    assert "OK" in run("unittest", "tests")


UNIT_TESTS = """
import unittest
from app import app, db
from app.models import User, Post


class UserModelCase(unittest.TestCase):
    def setUp(self):
        self.context = app.app_context()
        self.context.push()
        db.create_all()

    def tearDown(self):
        db.session.remove()
        db.drop_all()
        self.context.pop()

    def test_password_hashing(self):
        user = User(username='susan', email='susan@example.com')
        user.set_password('cat')
        self.assertFalse(user.check_password('dog'))
        self.assertTrue(user.check_password('cat'))

    def test_follow(self):
        john, susan, mary = (User(username=n, email=n) for n in ('john', 'susan', 'mary'))
        db.session.add_all([john, susan, mary])
        db.session.commit()
        john.follow(susan)
        db.session.add_all([Post(body=f'of {u.username}', author=u) for u in (john, susan, mary)])
        db.session.commit()
        self.assertTrue(john.is_following(susan))
        self.assertEqual(susan.followers_count(), 1)
        posts = db.session.scalars(john.following_posts()).all()
        self.assertEqual({post.body for post in posts}, {'of john', 'of susan'})
        john.unfollow(susan)
        db.session.commit()
        self.assertFalse(john.is_following(susan))
"""


def test_chapter_09_pagination():
    """Chapter 9, Pagination: a post form, and db.paginate over the posts one follows"""
    needs_this_form()
    edit("config.py", ("# more", "POSTS_PER_PAGE = 2\n    # more"))
    add(
        "app/forms.py",
        """

class PostForm(FlaskForm):
    post = TextAreaField('Say something', validators=[DataRequired(), Length(min=1, max=140)])
    submit = SubmitField('Submit')
""",
    )
    write(
        "app/templates/index.html",
        """{% extends 'base.html' %}{% block content %}<h1>Hi, {{ current_user.username }}!</h1>
{% if form %}<form method="post">{{ form.hidden_tag() }}{{ form.post }}</form>{% endif %}
{% for post in posts %}{% include '_post.html' %}{% endfor %}
{% if next_url %}<a href="{{ next_url }}">Older posts</a>{% endif %}{% endblock %}""",
    )
    edit("app/routes.py", ("LoginForm, R", "LoginForm, PostForm, R"), OLD_INDEX)
    client = client_of(load().app, "margaret")
    for number in range(3):
        page = submit(client, "/index", post="thought %d" % number)
    assert "[Your post is now live!]" in page and "thought 2" in page and "thought 1" in page
    assert "thought 0" not in page
    page = client.get(re.search('href="(.*page=2)"', page).group(1)).get_data(as_text=True)
    assert "margaret says: thought 0" in page and "Older posts" not in page
    assert b"my first post!" in client.get("/explore?page=2").data


OLD_INDEX = (
    """    posts = [{'author': {'username': 'John'}, 'body': 'Beautiful day!'}]
    return render_template('index.html', posts=posts)
""",
    """    form = PostForm()
    if form.validate_on_submit():
        db.session.add(Post(body=form.post.data, author=current_user))
        db.session.commit()
        flash('Your post is now live!')
        return redirect(url_for('index'))
    page = request.args.get('page', 1, type=int)
    posts = db.paginate(current_user.following_posts(), page=page,
                        per_page=app.config['POSTS_PER_PAGE'], error_out=False)
    next_url = url_for('index', page=posts.next_num) if posts.has_next else None
    return render_template('index.html', form=form, posts=posts.items, next_url=next_url)


@app.route('/explore')
@login_required
def explore():
    page = request.args.get('page', 1, type=int)
    posts = db.paginate(sa.select(Post).order_by(Post.timestamp.desc()), page=page,
                        per_page=app.config['POSTS_PER_PAGE'], error_out=False)
    next_url = url_for('explore', page=posts.next_num) if posts.has_next else None
    return render_template('index.html', posts=posts.items, next_url=next_url)
""",
)


def test_chapter_10_email():
    """Chapter 10, Email Support: Flask-Mail in a thread, a token of PyJWT resets a password"""
    needs_this_form()
    edit(
        "app/__init__.py",
        ("import Migrate\n", "import Migrate\nfrom flask_mail import Mail\n"),
        ("# set up", "mail = Mail(app)\n# set up"),
    )
    edit(
        "app/models.py",
        (
            "# more imports\n",
            "# more imports\nfrom time import time\nimport jwt\nfrom app import app\n",
        ),
        (
            "    # more of the user\n",
            """    def get_reset_password_token(self, expires_in=600):
        return jwt.encode({'reset_password': self.id, 'exp': time() + expires_in},
                          app.config['SECRET_KEY'], algorithm='HS256')

    @staticmethod
    def verify_reset_password_token(token):
        try:
            id = jwt.decode(token, app.config['SECRET_KEY'],
                            algorithms=['HS256'])['reset_password']
        except Exception:
            return None
        return db.session.get(User, id)

    # more of the user
""",
        ),
    )
    write(
        "app/email.py",
        """from threading import Thread
from flask import render_template_string
from flask_mail import Message
from app import app, mail


def send_async_email(app, msg):
    with app.app_context():
        mail.send(msg)


def send_password_reset_email(user):
    msg = Message('[Microblog] Reset Your Password', sender='admin@example.com',
                  recipients=[user.email])
    msg.body = render_template_string(
        "Dear {{ user.username }}: {{ url_for('reset_password', token=token, _external=True) }}",
        user=user, token=user.get_reset_password_token())
    app.sending = Thread(target=send_async_email, args=(app, msg))
    app.sending.start()
""",
    )
    add(
        "app/forms.py",
        """

class ResetPasswordRequestForm(FlaskForm):
    email = StringField('Email', validators=[DataRequired(), Email()])
    submit = SubmitField('Request Password Reset')


class ResetPasswordForm(FlaskForm):
    password = PasswordField('Password', validators=[DataRequired()])
    password2 = PasswordField('Repeat Password', validators=[DataRequired(), EqualTo('password')])
    submit = SubmitField('Request Password Reset')
""",
    )
    add(
        "app/routes.py",
        """

from app.email import send_password_reset_email
from app.forms import ResetPasswordForm, ResetPasswordRequestForm


@app.route('/reset_password_request', methods=['GET', 'POST'])
def reset_password_request():
    form = ResetPasswordRequestForm()
    if form.validate_on_submit():
        user = db.session.scalar(sa.select(User).where(User.email == form.email.data))
        if user:
            send_password_reset_email(user)
        flash('Check your email for the instructions to reset your password')
        return redirect(url_for('login'))
    return render_template('form.html', title='Reset Password', form=form)


@app.route('/reset_password/<token>', methods=['GET', 'POST'])
def reset_password(token):
    user = User.verify_reset_password_token(token)
    if not user:
        return redirect(url_for('index'))
    form = ResetPasswordForm()
    if form.validate_on_submit():
        user.set_password(form.password.data)
        db.session.commit()
        flash('Your password has been reset.')
        return redirect(url_for('login'))
    return render_template('form.html', title='New Password', form=form)
""",
    )
    app = load().app
    client_of(app, "hedy")
    client = client_of(app)
    with mail_server() as mailbox:
        page = submit(client, "/reset_password_request", email="hedy@example.com")
        assert "[Check your email" in page
        app.sending.join(9)
    body = mailbox().replace("=\n", "").replace("=3D", "=")
    assert "Subject: [Microblog] Reset Your Password" in body
    path = re.search(r"http://localhost(/reset_password/\S+)", body).group(1)
    assert "[Your password has been reset.]" in submit(client, path, password="x", password2="x")
    assert "Hi, hedy!" in submit(client, "/login", username="hedy", password="x")
    assert client_of(app).get(path + "x").status_code == 302


def test_chapter_11_facelift():
    """Chapter 11, Facelift: forms and messages in Bootstrap's classes, from a macro"""
    needs_this_form()
    write(
        "app/templates/bootstrap.html",
        """{% macro form_field(field) %}<div class="mb-3">
{% if field.type == 'SubmitField' %}{{ field(class='btn btn-primary') }}
{% elif field.type == 'BooleanField' %}{{ field(class='form-check-input') }} {{ field.label }}
{% else %}{{ field.label(class='form-label') }}
{{ field(class='form-control' + (' is-invalid' if field.errors else '')) }}{% endif %}
{% for error in field.errors %}<div class="invalid-feedback">{{ error }}</div>{% endfor %}</div>
{% endmacro %}{% macro quick_form(form) %}<form method="post">{{ form.hidden_tag() }}
{% for field in form if field.widget.input_type != 'hidden' %}{{ form_field(field) }}{% endfor %}
</form>{% endmacro %}""",
    )
    write(
        "app/templates/form.html",
        """{% extends 'base.html' %}{% import 'bootstrap.html' as wtf %}{% block content %}
<h1>{{ title }}</h1>{{ wtf.quick_form(form) }}{% endblock %}""",
    )
    edit("app/templates/base.html", ("[{{ message }}]", '<p class="alert">[{{ message }}]</p>'))
    client = client_of(load().app)
    page = submit(client, "/login", username="hedy", password="")
    assert page.count('name="csrf_token"') == 1 and 'class="btn btn-primary"' in page
    assert 'class="form-control is-invalid"' in page
    assert '<div class="invalid-feedback">This field is required.</div>' in page


def test_chapter_12_dates_and_times():
    """Chapter 12, Dates and Times: Flask-Moment renders them for the browser"""
    needs_this_form()
    edit(
        "app/__init__.py",
        ("import Migrate\n", "import Migrate\nfrom flask_moment import Moment\n"),
        ("# set up", "moment = Moment(app)\n# set up"),
    )
    edit("app/templates/base.html", ("<title>", "{{ moment.include_moment() }}<title>"))
    edit(
        "app/templates/user.html",
        ("{{ user.last_seen }}", "{{ moment(user.last_seen).format('LLL') }}"),
    )
    add("app/templates/_post.html", "<i>{{ moment(post.timestamp).fromNow() }}</i>")
    client = client_of(load().app, "barbara")
    submit(client, "/index", post="at what time?")
    page = client.get("/user/barbara").get_data(as_text=True)
    assert "moment" in page and 'data-function="fromNow"' in page and 'data-format="LLL"' in page
    assert re.search(r'data-timestamp="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', page)


def test_chapter_13_languages():
    """Chapter 13, I18n and L10n: Flask-Babel, pybabel extract, init and compile, flask translate"""
    needs_this_form()
    edit("config.py", ("# more", "LANGUAGES = ['en', 'es']\n    # more"))
    edit(
        "app/__init__.py",
        (
            "import Flask\n",
            "import Flask, request\nfrom flask_babel import Babel, lazy_gettext as _l\n",
        ),
        (
            "app = Flask",
            "def get_locale():\n"
            "    return request.accept_languages.best_match(app.config['LANGUAGES'])\n\n\n"
            "app = Flask",
        ),
        (
            "# set up",
            "babel = Babel(app, locale_selector=get_locale)\n"
            "login.login_message = _l('Please log in to access this page.')\n# set up",
        ),
        ("import routes, models, errors\n", "import routes, models, errors, cli\n"),
    )
    edit(
        "app/routes.py",
        ("flash('Invalid username or password')", "flash(_('Invalid username or password'))"),
        ("import sqlalchemy", "from flask_babel import _, get_locale\nimport sqlalchemy"),
        (
            "        db.session.commit()\n\n",
            "        db.session.commit()\n    g.locale = str(get_locale())\n\n",
        ),
        ("import abort", "import abort, g"),
    )
    edit("app/forms.py", ("('Remember Me')", "(_l('Remember Me'))"))
    edit(
        "app/forms.py", ("from wtforms", "from flask_babel import lazy_gettext as _l\nfrom wtforms")
    )
    edit(
        "app/templates/base.html",
        ("<title>", "<html lang=\"{{ g.locale }}\">{{ _('Home') }}<title>"),
    )
    write("babel.cfg", "[python: app/**.py]\n[jinja2: app/templates/**.html]\n")
    write(
        "app/cli.py",
        """import os
import sys
import subprocess
import click
from app import app

PYBABEL = sys.executable + ' -m babel.messages.frontend '


@app.cli.group()
def translate():
    '''Translation and localization commands.'''


@translate.command()
@click.argument('lang')
def init(lang):
    '''Initialize a new language.'''
    if subprocess.call(PYBABEL + 'extract -F babel.cfg -k _l -o messages.pot .', shell=True):
        raise RuntimeError('extract command failed')
    command = PYBABEL + 'init -i messages.pot -d app/translations -l ' + lang
    if subprocess.call(command, shell=True):
        raise RuntimeError('init command failed')


@translate.command()
def compile():
    '''Compile all languages.'''
    if subprocess.call(PYBABEL + 'compile -d app/translations', shell=True):
        raise RuntimeError('compile command failed')
""",
    )
    load()
    run("flask", "translate", "init", "es")
    catalog = "app/translations/es/LC_MESSAGES/messages.po"
    for original, translated in SPANISH.items():
        old = 'msgid "%s"\nmsgstr ""' % original
        edit(catalog, (old, 'msgid "%s"\nmsgstr "%s"' % (original, translated)))
    run("flask", "translate", "compile")
    client = client_of(load().app)
    for language, words in (("en", SPANISH), ("es", SPANISH.values())):
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        page = client.get("/index", follow_redirects=True).get_data(as_text=True)
        page += submit(client, "/login", username="nobody", password="x")
        assert 'lang="%s"' % language in page
        for word in words:
            assert word in page, word


SPANISH = {
    "Home": "Inicio",
    "Remember Me": "Recordarme",
    "Invalid username or password": "Nombre incorrecto",
    "Please log in to access this page.": "Por favor ingrese.",
}


def test_chapter_14_ajax():
    """Chapter 14, Ajax: a post's language is detected, a service translates it (a stand-in here)"""
    needs_this_form()
    edit(
        "app/models.py",
        (
            "    # more of the post\n",
            "    language: so.Mapped[Optional[str]] = so.mapped_column(sa.String(5))\n"
            "    # more of the post\n",
        ),
    )
    edit(
        "app/routes.py",
        ("import abort", "import jsonify, abort"),
        (
            "db.session.add(Post(body=form.post.data, author=current_user))",
            "db.session.add(Post(body=form.post.data, author=current_user,\n"
            "                            language=detect(form.post.data)))",
        ),
        ("import sqlalchemy", "from langdetect import detect\nimport requests\nimport sqlalchemy"),
    )
    add(
        "app/routes.py",
        """

@app.route('/translate', methods=['POST'])
@login_required
def translate_text():
    data = request.get_json()
    response = requests.post(app.config['TRANSLATOR'], params={
        'from': data['source_language'], 'to': data['dest_language']},
        headers={'Ocp-Apim-Subscription-Key': 'key'}, json=[{'Text': data['text']}])
    return {'text': response.json()[0]['translations'][0]['text']}
""",
    )
    app = migrate("add language to posts").app_context().app
    client = client_of(app, "rosa")
    with translator() as app.config["TRANSLATOR"]:
        submit(client, "/index", post="Buenos dias a todos, el tiempo es muy bueno hoy")
        asked = {"text": "hola", "source_language": "es", "dest_language": "en"}
        assert client.post("/translate", json=asked).get_json() == {"text": "es en hola"}
    with contextlib.closing(sqlite3.connect("app.db")) as connection:
        languages = connection.execute("SELECT language FROM post ORDER BY id DESC")
        assert languages.fetchone() == ("es",)


@contextlib.contextmanager
def translator():
    """A stand-in for the translator's service: it answers in the same form."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))[0]["Text"]
            said = "%s %s" % tuple(re.findall(r"(?:from|to)=(\w+)", self.path))
            body = json.dumps([{"translations": [{"text": said + " " + text}]}]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d/translate" % server.server_port
    finally:
        server.shutdown()
        server.server_close()
