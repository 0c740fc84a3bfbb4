"""The tutorial of Flask's own documentation: the blog flaskr, chapter by chapter.

Each test is a chapter: it types what the chapter adds to the files of the application, which are
those of the chapters before, and starts it. The texts are our own. The wheel of the last chapter is
not built, which would need the network; the server is started on the package itself.
"""

import contextlib
import importlib
import os
import socket
import subprocess
import sys
import time
import urllib.request

SABOTAGE = [
    "waitress/server.py:BaseWSGIServer.run",
    "flask/testing.py:FlaskClient.open",
    "flask/sansio/blueprints.py:BlueprintSetupState.add_url_rule",
]

sys.dont_write_bytecode = True  # a file that is changed twice in a second would be loaded once


def write(name, text):
    """Write a file of the application."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def create_app():
    """The application, imported as by a new process."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in list(sys.modules):
        if module.split(".")[0] == "flaskr":
            del sys.modules[module]
    importlib.invalidate_caches()
    app = importlib.import_module("flaskr").create_app()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def environment():
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1", FLASK_APP="flaskr")


def error_of(output):
    """The first error that pytest shows, or the last line of another program."""
    lines = output.strip().splitlines()
    errors = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return (errors or lines[-1:])[:1]


def run(*command):
    """Run a command of the environment, such as flask or pytest; return what it printed."""
    done = subprocess.run(
        (sys.executable, "-m") + command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=environment(),
    )
    assert done.returncode == 0, error_of(done.stdout)
    return done.stdout


@contextlib.contextmanager
def started(*command):
    """Start a program that serves on $PORT; wait until it answers, and end it at last."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m"] + [part.replace("$PORT", str(port)) for part in command]
    with open("server.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with open("server.log") as log:
                said = log.read().strip().splitlines()[-1:]
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)
        yield "http://127.0.0.1:%d" % port
    finally:
        process.terminate()
        process.wait(15)


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return response.read().decode()


FACTORY = """import os
from flask import Flask


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY='dev', DATABASE=os.path.join(app.instance_path, 'flaskr.sqlite'))
    if test_config is None:
        app.config.from_pyfile('config.py', silent=True)
    else:
        app.config.from_mapping(test_config)
    os.makedirs(app.instance_path, exist_ok=True)

    @app.route('/hello')
    def hello():
        return 'Hello, World!'
    # more

    return app
"""


def grow(text):
    """Add lines to the factory."""
    with open("flaskr/__init__.py") as file:
        factory = file.read()
    write("flaskr/__init__.py", factory.replace("    # more\n", text + "    # more\n"))


def test_chapter_1_setup():
    """Application Setup: a factory with an instance folder, started by flask run"""
    write("flaskr/__init__.py", FACTORY)
    assert create_app().test_client().get("/hello").data == b"Hello, World!"
    assert os.path.isdir("instance")
    with started("flask", "run", "--port", "$PORT") as address:
        assert fetch(address + "/hello") == "Hello, World!"


DB = """import sqlite3
import click
from flask import current_app, g
from flask.cli import with_appcontext


def get_db():
    if 'db' not in g:
        g.db = sqlite3.connect(current_app.config['DATABASE'])
        g.db.row_factory = sqlite3.Row
    return g.db


def close_db(e=None):
    db = g.pop('db', None)
    if db is not None:
        db.close()


def init_db():
    with current_app.open_resource('schema.sql') as f:
        get_db().executescript(f.read().decode('utf8'))


@click.command('init-db')
@with_appcontext
def init_db_command():
    init_db()
    click.echo('Initialized the database.')


def init_app(app):
    app.teardown_appcontext(close_db)
    app.cli.add_command(init_db_command)
"""
SCHEMA = """DROP TABLE IF EXISTS user;
DROP TABLE IF EXISTS post;
CREATE TABLE user (
  id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE NOT NULL, password TEXT NOT NULL);
CREATE TABLE post (
  id INTEGER PRIMARY KEY AUTOINCREMENT, author_id INTEGER NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, FOREIGN KEY (author_id) REFERENCES user (id));
"""


def test_chapter_2_database():
    """Define and Access the Database: flask init-db, a connection that ends with the request"""
    write("flaskr/db.py", DB)
    write("flaskr/schema.sql", SCHEMA)
    grow("    from . import db\n    db.init_app(app)\n")
    app = create_app()
    assert "Initialized the database." in run("flask", "init-db")
    with app.app_context():
        get_db = sys.modules["flaskr.db"].get_db
        connection = get_db()
        assert connection is get_db()
        assert connection.execute("SELECT COUNT(*) FROM user").fetchone()[0] == 0


AUTH = """import functools
from flask import (
    Blueprint, flash, g, redirect, render_template, request, session, url_for)
from werkzeug.security import check_password_hash, generate_password_hash
from flaskr.db import get_db

bp = Blueprint('auth', __name__, url_prefix='/auth')


@bp.route('/register', methods=('GET', 'POST'))
def register():
    if request.method == 'POST':
        username, password, db = request.form['username'], request.form['password'], get_db()
        error = None if username else 'Username is required.'
        if error is None:
            try:
                db.execute('INSERT INTO user (username, password) VALUES (?, ?)',
                           (username, generate_password_hash(password)))
                db.commit()
            except db.IntegrityError:
                error = f'User {username} is already registered.'
            else:
                return redirect(url_for('auth.login'))
        flash(error)
    return render_template('auth/form.html', title='Register')


@bp.route('/login', methods=('GET', 'POST'))
def login():
    if request.method == 'POST':
        user = get_db().execute(
            'SELECT * FROM user WHERE username = ?', (request.form['username'],)).fetchone()
        if user is None or not check_password_hash(user['password'], request.form['password']):
            flash('Incorrect username or password.')
        else:
            session.clear()
            session['user_id'] = user['id']
            return redirect('/')
    return render_template('auth/form.html', title='Log In')


@bp.before_app_request
def load_logged_in_user():
    user_id = session.get('user_id')
    g.user = user_id and get_db().execute(
        'SELECT * FROM user WHERE id = ?', (user_id,)).fetchone()


@bp.route('/logout')
def logout():
    session.clear()
    return redirect('/')


def login_required(view):
    @functools.wraps(view)
    def wrapped_view(**kwargs):
        return redirect(url_for('auth.login')) if g.user is None else view(**kwargs)

    return wrapped_view
"""
BASE = """<title>{% block title %}{% endblock %} - Flaskr</title>
<link rel="stylesheet" href="{{ url_for('static', filename='style.css') }}">
{% if g.user %}<li>{{ g.user['username'] }}</li>{% else %}<li>Log In</li>{% endif %}
{% for message in get_flashed_messages() %}<b>{{ message }}</b>{% endfor %}
{% block content %}{% endblock %}"""
FORM = """{% extends 'base.html' %}{% block title %}{{ title }}{% endblock %}{% block content %}
<form method="post"><input name="username"><input name="password" type="password"></form>
{% endblock %}"""


def test_chapters_3_to_5_views_templates_files():
    """Blueprints and Views, Templates, Static Files: register and log in, a style sheet"""
    write("flaskr/auth.py", AUTH)
    write("flaskr/templates/base.html", BASE)
    write("flaskr/templates/auth/form.html", FORM)
    write("flaskr/static/style.css", "html { font-family: sans-serif }")
    grow("    from . import auth\n    app.register_blueprint(auth.bp)\n")
    client = create_app().test_client()
    assert "<title>Register - Flaskr</title>" in client.get("/auth/register").get_data(as_text=True)
    ada = {"username": "ada", "password": "cat"}
    assert client.post("/auth/register", data=ada).status_code == 302
    page = client.post("/auth/register", data=ada).get_data(as_text=True)
    assert "<b>User ada is already registered.</b>" in page
    page = client.post("/auth/login", data=dict(ada, password="dog")).get_data(as_text=True)
    assert "<b>Incorrect username or password.</b>" in page
    assert client.post("/auth/login", data=ada).status_code == 302
    assert "<li>ada</li>" in client.get("/auth/login").get_data(as_text=True)
    with client.get("/static/style.css") as response:
        assert response.mimetype == "text/css"


BLOG = """from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flaskr.auth import login_required
from flaskr.db import get_db

bp = Blueprint('blog', __name__)


@bp.route('/')
def index():
    posts = get_db().execute(
        'SELECT p.id, title, body, username FROM post p JOIN user u ON p.author_id = u.id'
        ' ORDER BY p.id DESC').fetchall()
    return render_template('blog/index.html', posts=posts)


@bp.route('/create', methods=('GET', 'POST'))
@login_required
def create():
    if request.method == 'POST':
        db = get_db()
        db.execute('INSERT INTO post (title, body, author_id) VALUES (?, ?, ?)',
                   (request.form['title'], request.form['body'], g.user['id']))
        db.commit()
        return redirect(url_for('blog.index'))
    return render_template('base.html')


@bp.route('/<int:id>/delete', methods=('POST',))
@login_required
def delete(id):
    db = get_db()
    post = db.execute('SELECT author_id FROM post WHERE id = ?', (id,)).fetchone()
    if post is None:
        abort(404, f'Post id {id} does not exist.')
    if post['author_id'] != g.user['id']:
        abort(403)
    db.execute('DELETE FROM post WHERE id = ?', (id,))
    db.commit()
    return redirect(url_for('blog.index'))
"""


def test_chapter_6_blog():
    """Blog Blueprint: posts are created and listed, and deleted by their author only"""
    write("flaskr/blog.py", BLOG)
    write(
        "flaskr/templates/blog/index.html",
        """{% extends 'base.html' %}{% block content %}{% for post in posts %}
<h1>{{ post['title'] }}</h1>by {{ post['username'] }}<p>{{ post['body'] }}</p>{% endfor %}
{% endblock %}""",
    )
    grow(
        "    from . import blog\n    app.register_blueprint(blog.bp)\n"
        "    app.add_url_rule('/', endpoint='index')\n"
    )
    app = create_app()
    assert app.test_client().get("/create").headers["Location"].endswith("/auth/login")
    author, other = app.test_client(), app.test_client()
    for client, name in ((author, "grace"), (other, "eve")):
        client.post("/auth/register", data={"username": name, "password": "x"})
        client.post("/auth/login", data={"username": name, "password": "x"})
    assert author.post("/create", data={"title": "Tea", "body": "is good"}).status_code == 302
    page = other.get("/").get_data(as_text=True)
    assert "<h1>Tea</h1>by grace<p>is good</p>" in page
    assert other.post("/1/delete").status_code == 403
    assert author.post("/1/delete").status_code == 302
    assert author.post("/1/delete").status_code == 404


TESTS = """import os
import tempfile
import pytest
from flaskr import create_app
from flaskr.db import get_db, init_db


@pytest.fixture
def app():
    db_fd, db_path = tempfile.mkstemp()
    app = create_app({'TESTING': True, 'DATABASE': db_path})
    with app.app_context():
        init_db()
    yield app
    os.close(db_fd)
    os.unlink(db_path)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def runner(app):
    return app.test_cli_runner()


def test_config():
    assert not create_app().testing
    assert create_app({'TESTING': True}).testing


@pytest.mark.parametrize(('username', 'message'), (('', b'Username is required.'),))
def test_register(client, username, message):
    response = client.post('/auth/register', data={'username': username, 'password': 'a'})
    assert message in response.data


def test_login(client, app):
    for path in ('/auth/register', '/auth/login'):
        client.post(path, data={'username': 'a', 'password': 'a'})
    with client:
        client.get('/')
        from flask import g, session
        assert session['user_id'] == 1
        assert g.user['username'] == 'a'


def test_init_db_command(runner, monkeypatch):
    called = []
    monkeypatch.setattr('flaskr.db.init_db', lambda: called.append(1))
    result = runner.invoke(args=['init-db'])
    assert 'Initialized' in result.output and called
"""


def test_chapters_7_and_8_project_and_tests():
    """Make the Project Installable, Test Coverage: the tests run under pytest and coverage"""
    write(
        "pyproject.toml",
        """[project]
name = "flaskr"
version = "1.0.0"
dependencies = ["flask"]

[build-system]
requires = ["flit_core<4"]
build-backend = "flit_core.buildapi"

[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.coverage.run]
branch = true
source = ["flaskr"]
""",
    )
    write("tests/test_flaskr.py", TESTS)
    create_app()
    assert "4 passed" in run("coverage", "run", "-m", "pytest", "-p", "no:cacheprovider")
    assert "flaskr/auth.py" in run("coverage", "report")


def test_chapter_9_deploy():
    """Deploy to Production: a secret key in the instance folder, served by waitress"""
    write("instance/config.py", "SECRET_KEY = 'a key that nobody else has'\n")
    assert create_app().config["SECRET_KEY"] == "a key that nobody else has"
    run("flask", "init-db")
    serve = ["waitress", "--listen", "127.0.0.1:$PORT", "--call", "flaskr:create_app"]
    with started(*serve) as address:
        assert fetch(address + "/hello") == "Hello, World!"
        assert "<li>Log In</li>" in fetch(address + "/")
