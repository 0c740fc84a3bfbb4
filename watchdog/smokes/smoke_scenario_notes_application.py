"""The notes application of a much-watched beginner's video of 2021, chapter by chapter.

Each test is a chapter: it types what the video adds to the files of the application, and starts
it. Two lines no longer work as the video types them; its repository has others since, with which
the chapters go on. The texts are our own.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

SABOTAGE = [
    "flask_login/utils.py:login_user",
    "flask_login/login_manager.py:LoginManager.unauthorized",
    "flask_sqlalchemy/__init__.py:SQLAlchemy.create_all",
    "werkzeug/security.py:generate_password_hash",
]

sys.dont_write_bytecode = True  # a file that is changed twice in a second would be loaded once


def write(name, text):
    """Write a file of the application."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def client():
    """A browser for the application, which is imported as by a new process."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in list(sys.modules):
        if module.split(".")[0] == "website":
            del sys.modules[module]
    importlib.invalidate_caches()
    app = importlib.import_module("website").create_app()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app.test_client()


@contextlib.contextmanager
def started():
    """Type python main.py; gives the address, and ends the program and its reloader."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = dict(os.environ, PORT=str(port), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, "main.py"]
    with open("main.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with open("main.log") as log:
                said = log.read().strip().splitlines()[-1:]
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)
        yield "http://127.0.0.1:%d" % port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(9)


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return response.read().decode()


START = """from flask import Flask


def create_app():
    app = Flask(__name__)
    app.config['SECRET_KEY'] = 'secret'

    from .views import views
    from .auth import auth

    app.register_blueprint(views, url_prefix='/')
    app.register_blueprint(auth, url_prefix='/')
    return app
"""
VIEWS = """from flask import Blueprint, render_template

views = Blueprint('views', __name__)


@views.route('/')
def home():
    return render_template('home.html')
"""
AUTH = """from flask import Blueprint, flash, render_template, request

auth = Blueprint('auth', __name__)


@auth.route('/login', methods=['GET', 'POST'])
def login():
    return render_template('login.html')


@auth.route('/sign-up', methods=['GET', 'POST'])
def sign_up():
    if request.method == 'POST':
        if len(request.form.get('email')) < 4:
            flash('Email must be greater than 3 characters.', category='error')
        elif request.form.get('password1') != request.form.get('password2'):
            flash('Passwords do not match.', category='error')
        else:
            flash('Account created!', category='success')
    return render_template('sign_up.html')
"""
BASE = """<title>{% block title %}Home{% endblock %}</title>
{% with messages = get_flashed_messages(with_categories=true) %}
{% for category, message in messages %}<p class="{{ category }}">{{ message }}</p>{% endfor %}
{% endwith %}{% block content %}{% endblock %}"""


def test_chapter_1_hello():
    """Chapter 1: a package with a factory and blueprints, started by python main.py"""
    write(
        "main.py",
        """import os
from website import create_app

app = create_app()

if __name__ == '__main__':
    app.run(debug=True, port=int(os.environ['PORT']))
""",
    )
    write("website/__init__.py", START)
    write("website/views.py", VIEWS)
    write("website/auth.py", AUTH)
    write("website/templates/home.html", "<h1>Test</h1>")
    assert client().get("/").data == b"<h1>Test</h1>"
    with started() as address:
        assert fetch(address + "/") == "<h1>Test</h1>"


def test_chapter_2_templates_and_forms():
    """Chapter 2: pages that extend a base, a sign-up form, messages by category"""
    write("website/templates/base.html", BASE)
    for name, title in (("home", "Home"), ("login", "Login"), ("sign_up", "Sign Up")):
        write(
            "website/templates/%s.html" % name,
            "{%% extends 'base.html' %%}{%% block title %%}%s{%% endblock %%}" % title,
        )
    assert "<title>Login</title>" in client().get("/login").get_data(as_text=True)
    page = client().post("/sign-up", data={"email": "a"}).get_data(as_text=True)
    assert '<p class="error">Email must be greater than 3 characters.</p>' in page
    data = {"email": "ada@example.com", "password1": "1234567", "password2": "1234567"}
    page = client().post("/sign-up", data=data).get_data(as_text=True)
    assert '<p class="success">Account created!</p>' in page


MODELS = """from . import db
from flask_login import UserMixin
from sqlalchemy.sql import func


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    data = db.Column(db.String(10000))
    date = db.Column(db.DateTime(timezone=True), default=func.now())
    user_id = db.Column(db.Integer, db.ForeignKey('user.id'))


class User(db.Model, UserMixin):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(150), unique=True)
    password = db.Column(db.String(150))
    first_name = db.Column(db.String(150))
    notes = db.relationship('Note')
"""
DATABASE = """from flask import Flask
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from os import path

db = SQLAlchemy()
DB_NAME = 'database.db'


def create_app():
    app = Flask(__name__)
    app.config['SECRET_KEY'] = 'secret'
    app.config['SQLALCHEMY_DATABASE_URI'] = f'sqlite:///{DB_NAME}'
    db.init_app(app)

    from .views import views
    from .auth import auth

    app.register_blueprint(views, url_prefix='/')
    app.register_blueprint(auth, url_prefix='/')

    from .models import User, Note

    create_database(app)

    login_manager = LoginManager()
    login_manager.login_view = 'auth.login'
    login_manager.init_app(app)

    @login_manager.user_loader
    def load_user(id):
        return User.query.get(int(id))

    return app


def create_database(app):
    if not path.exists('website/' + DB_NAME):
        db.create_all(app=app)
"""
CONTEXT = "with app.app_context():\n            db.create_all()"


def test_chapter_3_database_of_the_video():
    """Chapter 3, as the video types it: models and db.create_all(app=app)"""
    write("website/models.py", MODELS)
    write("website/__init__.py", DATABASE)
    assert client().get("/").status_code == 200


def test_chapter_3_database_of_the_repository():
    """Chapter 3, as its repository has it since: db.create_all() in an application context"""
    write("website/models.py", MODELS)
    write("website/__init__.py", DATABASE.replace("db.create_all(app=app)", CONTEXT))
    assert client().get("/").status_code == 200


ACCOUNTS = """from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash
from . import db
from .models import User

auth = Blueprint('auth', __name__)


@auth.route('/login', methods=['GET', 'POST'])
def login():
    if request.method == 'POST':
        user = User.query.filter_by(email=request.form.get('email')).first()
        if user and check_password_hash(user.password, request.form.get('password')):
            flash('Logged in successfully!', category='success')
            login_user(user, remember=True)
            return redirect(url_for('views.home'))
        flash('Incorrect password, try again.', category='error')
    return render_template('login.html', user=current_user)


@auth.route('/logout')
@login_required
def logout():
    logout_user()
    return redirect(url_for('auth.login'))


@auth.route('/sign-up', methods=['GET', 'POST'])
def sign_up():
    if request.method == 'POST':
        new_user = User(email=request.form.get('email'), first_name=request.form.get('firstName'),
                        password=generate_password_hash(
                            request.form.get('password1'), method='sha256'))
        db.session.add(new_user)
        db.session.commit()
        login_user(new_user, remember=True)
        flash('Account created!', category='success')
        return redirect(url_for('views.home'))
    return render_template('sign_up.html', user=current_user)
"""
ADA = {"email": "ada@example.com", "firstName": "Ada", "password1": "1234567"}


def test_chapter_4_accounts_of_the_video():
    """Chapter 4, as the video types it: passwords are hashed with method='sha256'"""
    write("website/models.py", MODELS)
    write("website/__init__.py", DATABASE.replace("db.create_all(app=app)", CONTEXT))
    write("website/auth.py", ACCOUNTS)
    page = client().post("/sign-up", data=dict(ADA, email="video@x"), follow_redirects=True)
    assert b"Account created!" in page.data


def test_chapter_4_accounts_of_the_repository():
    """Chapter 4, as its repository has it since: method='pbkdf2:sha256'; log in and out"""
    write("website/auth.py", ACCOUNTS.replace("'sha256'", "'pbkdf2:sha256'"))
    browser = client()
    page = browser.post("/sign-up", data=ADA, follow_redirects=True)
    assert b"Account created!" in page.data
    assert browser.get("/logout").status_code == 302 and browser.get("/logout").status_code == 302
    data = {"email": "ada@example.com", "password": "wrong"}
    assert b"Incorrect password" in browser.post("/login", data=data).data
    page = browser.post("/login", data=dict(data, password="1234567"), follow_redirects=True)
    assert b"Logged in successfully!" in page.data
    with started() as address:
        assert "<title>Sign Up</title>" in fetch(address + "/sign-up")


def test_chapter_5_notes():
    """Chapter 5: a user adds notes, and the page's script deletes them with JSON"""
    write(
        "website/views.py",
        """from flask import Blueprint, flash, jsonify, render_template, request
from flask_login import current_user, login_required
from . import db
from .models import Note
import json

views = Blueprint('views', __name__)


@views.route('/', methods=['GET', 'POST'])
@login_required
def home():
    if request.method == 'POST':
        note = request.form.get('note')
        if len(note) < 1:
            flash('Note is too short!', category='error')
        else:
            db.session.add(Note(data=note, user_id=current_user.id))
            db.session.commit()
            flash('Note added!', category='success')
    return render_template('home.html', user=current_user)


@views.route('/delete-note', methods=['POST'])
def delete_note():
    note = Note.query.get(json.loads(request.data)['noteId'])
    if note and note.user_id == current_user.id:
        db.session.delete(note)
        db.session.commit()
    return jsonify({})
""",
    )
    write(
        "website/templates/home.html",
        """{% extends 'base.html' %}{% block content %}
{% for note in user.notes %}<li>{{ note.data }}</li>{% endfor %}{% endblock %}""",
    )
    browser = client()
    assert "/login?next=" in browser.get("/").headers["Location"]
    browser.post("/login", data={"email": "ada@example.com", "password": "1234567"})
    assert b"Note is too short!" in browser.post("/", data={"note": ""}).data
    for note in ("tea", "milk"):
        assert b"Note added!" in browser.post("/", data={"note": note}).data
    assert browser.post("/delete-note", data=json.dumps({"noteId": 1})).get_json() == {}
    page = browser.get("/").get_data(as_text=True)
    assert "<li>milk</li>" in page and "<li>tea</li>" not in page
