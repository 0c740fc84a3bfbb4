"""The Flask Mega-Tutorial in its form of December 2023, chapters 15 to 23.

The application of the first chapters becomes a package with blueprints and a factory; then come
search, servers, messages, background jobs and an API. Each test is a chapter, which builds on the
files of the chapters before. The texts are our own.
"""

import base64
import contextlib
import importlib
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

SABOTAGE = [
    "flask_httpauth.py:HTTPAuth.login_required",
    "flask_login/utils.py:login_user",
    "elasticsearch/_sync/client/__init__.py:Elasticsearch.index",
    "gunicorn/app/wsgiapp.py:WSGIApplication.load_wsgiapp",
    "flask_sqlalchemy/session.py:Session.get_bind",
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
        assert old in text, (name, old)
        text = text.replace(old, new, 1)
    write(name, text)


def load(name="microblog"):
    """Import a module of the application as a new process would."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in list(sys.modules):
        if module.split(".")[0] in ("app", "config", "microblog"):
            del sys.modules[module]
    importlib.invalidate_caches()
    return importlib.import_module(name)


def environment(**more):
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=os.getcwd(), **more)


def run_unit_tests():
    """Run the application's own tests, as python tests.py does."""
    load()
    sys.modules.pop("tests", None)
    suite = unittest.defaultTestLoader.loadTestsFromName("tests")
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    assert result.testsRun and result.wasSuccessful(), result.errors + result.failures


@contextlib.contextmanager
def started(command, **more):
    """Start a program that serves on $PORT; wait until it answers, and end it at last."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [part.replace("$PORT", str(port)) for part in command]
    with open("server.log", "w") as log:
        env = environment(PORT=str(port), PYTHON=sys.executable, **more)
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
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


def submit(client, url, **data):
    """Fill in the form of a page, as a browser that follows redirects does."""
    page = client.get(url).get_data(as_text=True)
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=data, follow_redirects=True).get_data(as_text=True)


def migrate(message):
    """Migrate the database, as flask db migrate and flask db upgrade do; return the application."""
    app = load().app
    commands = [["migrate", "-m", message], ["upgrade"]]
    for arguments in commands if os.path.isdir("migrations") else [["init"], *commands]:
        result = app.test_cli_runner().invoke(args=["db", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
    app = load().app
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def client_of(app, username):
    """A browser of a user who is registered and logged in."""
    client = app.test_client()
    new = dict(username=username, email=username + "@example.com", password="cat")
    submit(client, "/auth/register", **new)
    assert "Hi, " + username in submit(client, "/auth/login", username=username, password="cat")
    return client


def needs_this_form():
    """Skip where the tutorial was still written in another way."""
    flask_sqlalchemy = importlib.import_module("flask_sqlalchemy")
    names = inspect.signature(flask_sqlalchemy.SQLAlchemy.__init__).parameters
    if "disable_autonaming" not in names:
        raise unittest.SkipTest("this form of the tutorial needs Flask-SQLAlchemy 3.1")


FILES = {
    "config.py": """import os
from dotenv import load_dotenv

basedir = os.path.abspath('.')
load_dotenv(os.path.join(basedir, '.env'))


class Config:
    SECRET_KEY = os.environ.get('SECRET_KEY') or 'you-will-never-guess'
    SQLALCHEMY_DATABASE_URI = os.environ.get('DATABASE_URL') or \\
        'sqlite:///' + os.path.join(basedir, 'app.db')
    ELASTICSEARCH_URL = os.environ.get('ELASTICSEARCH_URL')
    REDIS_URL = os.environ.get('REDIS_URL')
    LOG_TO_STDOUT = os.environ.get('LOG_TO_STDOUT')
""",
    "microblog.py": "from app import create_app, db\n\napp = create_app()\n",
    "app/__init__.py": """from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_migrate import Migrate
from flask_login import LoginManager
from config import Config
# more imports

db = SQLAlchemy()
migrate = Migrate()
login = LoginManager()
login.login_view = 'auth.login'


def create_app(config_class=Config):
    app = Flask(__name__)
    app.config.from_object(config_class)
    db.init_app(app)
    migrate.init_app(app, db)
    login.init_app(app)
    from app.errors import bp as errors_bp
    app.register_blueprint(errors_bp)
    from app.auth import bp as auth_bp
    app.register_blueprint(auth_bp, url_prefix='/auth')
    from app.main import bp as main_bp
    app.register_blueprint(main_bp)
    # more set-up
    return app


from app import models
""",
    "app/models.py": """from datetime import datetime, timezone
from typing import Optional
import sqlalchemy as sa
import sqlalchemy.orm as so
from flask_login import UserMixin
from werkzeug.security import check_password_hash, generate_password_hash
from app import db, login
# more imports


class User(UserMixin, db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    username: so.Mapped[str] = so.mapped_column(sa.String(64), index=True, unique=True)
    email: so.Mapped[str] = so.mapped_column(sa.String(120), index=True, unique=True)
    password_hash: so.Mapped[Optional[str]] = so.mapped_column(sa.String(256))
    posts: so.WriteOnlyMapped['Post'] = so.relationship(back_populates='author')
    # more of the user

    def set_password(self, password):
        self.password_hash = generate_password_hash(password)

    def check_password(self, password):
        return check_password_hash(self.password_hash, password)


@login.user_loader
def load_user(id):
    return db.session.get(User, int(id))


class Post(db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    body: so.Mapped[str] = so.mapped_column(sa.String(140))
    timestamp: so.Mapped[datetime] = so.mapped_column(
        index=True, default=lambda: datetime.now(timezone.utc))
    user_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey(User.id), index=True)
    author: so.Mapped[User] = so.relationship(back_populates='posts')


# more models
""",
    "app/errors/__init__.py": """from flask import Blueprint

bp = Blueprint('errors', __name__)

from app.errors import handlers
""",
    "app/errors/handlers.py": """from flask import render_template, request
from app.errors import bp
# more imports


@bp.app_errorhandler(404)
def not_found_error(error):
    # more of not found
    return render_template('errors/404.html'), 404
""",
    "app/auth/__init__.py": """from flask import Blueprint

bp = Blueprint('auth', __name__)

from app.auth import routes
""",
    "app/auth/forms.py": """from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, Email


class LoginForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired()])
    password = PasswordField('Password', validators=[DataRequired()])
    submit = SubmitField('Sign In')


class RegistrationForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired()])
    email = StringField('Email', validators=[DataRequired(), Email()])
    password = PasswordField('Password', validators=[DataRequired()])
    submit = SubmitField('Register')
""",
    "app/auth/routes.py": """import sqlalchemy as sa
from flask import flash, redirect, render_template, url_for
from flask_login import login_user, logout_user
from app import db
from app.auth import bp
from app.auth.forms import LoginForm, RegistrationForm
from app.models import User


@bp.route('/login', methods=['GET', 'POST'])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.scalar(sa.select(User).where(User.username == form.username.data))
        if user is None or not user.check_password(form.password.data):
            flash('Invalid username or password')
            return redirect(url_for('auth.login'))
        login_user(user)
        return redirect(url_for('main.index'))
    return render_template('auth/form.html', title='Sign In', form=form)


@bp.route('/register', methods=['GET', 'POST'])
def register():
    form = RegistrationForm()
    if form.validate_on_submit():
        user = User(username=form.username.data, email=form.email.data)
        user.set_password(form.password.data)
        db.session.add(user)
        db.session.commit()
        return redirect(url_for('auth.login'))
    return render_template('auth/form.html', title='Register', form=form)
""",
    "app/main/__init__.py": """from flask import Blueprint

bp = Blueprint('main', __name__)

from app.main import routes
""",
    "app/main/forms.py": """from flask import request
from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField, TextAreaField
from wtforms.validators import DataRequired, Length


class PostForm(FlaskForm):
    post = TextAreaField('Say something', validators=[DataRequired(), Length(min=1, max=140)])
    submit = SubmitField('Submit')
""",
    "app/main/routes.py": """import sqlalchemy as sa
from flask import current_app, g, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from app import db
from app.main import bp
from app.main.forms import PostForm
from app.models import Post, User


@bp.route('/', methods=['GET', 'POST'])
@bp.route('/index', methods=['GET', 'POST'])
@login_required
def index():
    form = PostForm()
    if form.validate_on_submit():
        db.session.add(Post(body=form.post.data, author=current_user))
        db.session.commit()
        return redirect(url_for('main.index'))
    posts = db.session.scalars(sa.select(Post).order_by(Post.id.desc())).all()
    return render_template('index.html', title='Home', form=form, posts=posts)
""",
    "app/templates/index.html": """<h1>Hi, {{ current_user.username }}!</h1>
<form method="post">{{ form.hidden_tag() }}{{ form.post }}</form>
{% for post in posts %}<p>{{ post.author.username }} says: {{ post.body }}</p>{% endfor %}""",
    "app/templates/auth/form.html": """<h1>{{ title }}</h1>
{% for message in get_flashed_messages() %}[{{ message }}]{% endfor %}
<form method="post">{{ form.hidden_tag() }}{{ form.username }}{{ form.password }}</form>""",
    "app/templates/errors/404.html": "<h1>File Not Found</h1>",
    "tests.py": """import unittest
from app import create_app, db
from app.models import User
from config import Config


class TestConfig(Config):
    TESTING = True
    SQLALCHEMY_DATABASE_URI = 'sqlite://'


class UserModelCase(unittest.TestCase):
    def setUp(self):
        self.app_context = create_app(TestConfig).app_context()
        self.app_context.push()
        db.create_all()

    def tearDown(self):
        db.session.remove()
        db.drop_all()
        self.app_context.pop()

    def test_password_hashing(self):
        user = User(username='susan', email='susan@example.com')
        user.set_password('cat')
        db.session.add(user)
        db.session.commit()
        self.assertTrue(db.session.get(User, 1).check_password('cat'))
        self.assertFalse(user.check_password('dog'))
""",
}


def test_chapter_15_structure():
    """Chapter 15, A Better Application Structure: blueprints, a factory, tests with their own one"""
    needs_this_form()
    for name, text in FILES.items():
        write(name, text)
    write(".env", "SECRET_KEY=from-the-environment-file\n")
    write(".flaskenv", "FLASK_APP=microblog.py\n")
    app = migrate("users and posts")
    assert app.config["SECRET_KEY"] == "from-the-environment-file"
    client = client_of(app, "susan")
    assert "susan says: hello" in submit(client, "/index", post="hello")
    page = submit(app.test_client(), "/auth/login", username="susan", password="dog")
    assert "[Invalid username or password]" in page
    assert client.get("/nothing").data == b"<h1>File Not Found</h1>"
    run_unit_tests()


class SearchEngine(BaseHTTPRequestHandler):
    """A stand-in for Elasticsearch: it speaks its protocol, and finds whole words."""

    documents = {}

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def sent(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def do_GET(self):
        self.answer({"version": {"number": "9.0.0", "build_flavor": "default"}, "tagline": ""})

    def do_PUT(self):
        self.documents[self.path.rsplit("/", 1)[1].partition("?")[0]] = self.sent()
        self.answer({"result": "created"}, 201)

    def do_DELETE(self):
        del self.documents[self.path.rsplit("/", 1)[1].partition("?")[0]]
        self.answer({"result": "deleted"})

    def do_POST(self):
        wanted = self.sent()["query"]["multi_match"]["query"].lower()
        found = [i for i, d in self.documents.items() if wanted in d["body"].lower().split()]
        hits = [{"_id": id, "_score": 1.0} for id in reversed(found)]
        self.answer({"hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}})

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def search_engine():
    server = HTTPServer(("127.0.0.1", 0), SearchEngine)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % server.server_port
    finally:
        server.shutdown()
        server.server_close()


def test_chapter_16_search():
    """Chapter 16, Full-Text Search: Elasticsearch's client, against a stand-in for its server"""
    needs_this_form()
    write(
        "app/search.py",
        """from flask import current_app


def add_to_index(index, model):
    if current_app.elasticsearch:
        payload = {field: getattr(model, field) for field in model.__searchable__}
        current_app.elasticsearch.index(index=index, id=model.id, document=payload)


def remove_from_index(index, model):
    if current_app.elasticsearch:
        current_app.elasticsearch.delete(index=index, id=model.id)


def query_index(index, query, page, per_page):
    search = current_app.elasticsearch.search(
        index=index, query={'multi_match': {'query': query, 'fields': ['*']}},
        from_=(page - 1) * per_page, size=per_page)
    ids = [int(hit['_id']) for hit in search['hits']['hits']]
    return ids, search['hits']['total']['value']
""",
    )
    edit(
        "app/models.py",
        (
            "# more imports\n",
            """from app.search import add_to_index, query_index, remove_from_index
# more imports


class SearchableMixin:
    @classmethod
    def search(cls, expression, page, per_page):
        ids, total = query_index(cls.__tablename__, expression, page, per_page)
        if total == 0:
            return [], 0
        when = [(ids[i], i) for i in range(len(ids))]
        query = sa.select(cls).where(cls.id.in_(ids)).order_by(
            db.case(*when, value=cls.id))
        return db.session.scalars(query), total

    @classmethod
    def before_commit(cls, session):
        session._changes = {'add': list(session.new), 'update': list(session.dirty),
                            'delete': list(session.deleted)}

    @classmethod
    def after_commit(cls, session):
        for obj in session._changes['add'] + session._changes['update']:
            if isinstance(obj, SearchableMixin):
                add_to_index(obj.__tablename__, obj)
        for obj in session._changes['delete']:
            if isinstance(obj, SearchableMixin):
                remove_from_index(obj.__tablename__, obj)
        session._changes = None

    @classmethod
    def reindex(cls):
        for obj in db.session.scalars(sa.select(cls)):
            add_to_index(cls.__tablename__, obj)


db.event.listen(db.session, 'before_commit', SearchableMixin.before_commit)
db.event.listen(db.session, 'after_commit', SearchableMixin.after_commit)
""",
        ),
        (
            "class Post(db.Model):\n",
            "class Post(SearchableMixin, db.Model):\n    __searchable__ = ['body']\n",
        ),
    )
    edit(
        "app/__init__.py",
        ("# more imports", "from elasticsearch import Elasticsearch\n# more imports"),
        (
            "    # more set-up",
            "    app.elasticsearch = Elasticsearch([app.config['ELASTICSEARCH_URL']]) \\\n"
            "        if app.config['ELASTICSEARCH_URL'] else None\n    # more set-up",
        ),
    )
    edit(
        "app/main/forms.py",
        (
            "\n\nclass PostForm",
            """

class SearchForm(FlaskForm):
    q = StringField('Search', validators=[DataRequired()])

    def __init__(self, *args, **kwargs):
        kwargs.setdefault('formdata', request.args)
        kwargs.setdefault('meta', {'csrf': False})
        super().__init__(*args, **kwargs)


class PostForm""",
        ),
    )
    edit("app/main/routes.py", ("import PostForm", "import PostForm, SearchForm"))
    with open("app/main/routes.py", "a") as file:
        file.write(
            """

@bp.before_app_request
def before_request():
    if current_user.is_authenticated:
        g.search_form = SearchForm()


@bp.route('/search')
@login_required
def search():
    if not g.search_form.validate():
        return redirect(url_for('main.index'))
    posts, total = Post.search(g.search_form.q.data, request.args.get('page', 1, type=int), 10)
    return {'total': total, 'posts': [post.body for post in posts]}
"""
        )
    with search_engine() as os.environ["ELASTICSEARCH_URL"]:
        app = load().app
        client = client_of(app, "ada")
        for body in ("this is a test", "tea for two", "a second test"):
            submit(client, "/index", post=body)
        found = client.get("/search?q=test").get_json()
        assert found == {"total": 2, "posts": ["a second test", "this is a test"]}
        with app.app_context():
            models = sys.modules["app.models"]
            db = sys.modules["app"].db
            db.session.delete(db.session.get(models.Post, 2))
            db.session.commit()
            models.Post.reindex()
        assert client.get("/search?q=hello").get_json() == {"total": 1, "posts": ["hello"]}
        found = client.get("/search?q=test").get_json()
        assert found == {"total": 1, "posts": ["a second test"]}
    del os.environ["ELASTICSEARCH_URL"]


def test_chapter_17_linux():
    """Chapter 17, Deployment on Linux: gunicorn with several workers serves the application"""
    needs_this_form()
    load()
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:$PORT", "-w", "2"]
    with started([*command, "microblog:app"]) as address:
        assert "<h1>Sign In</h1>" in fetch(address + "/")


def test_chapters_18_and_19_heroku_and_docker():
    """Chapters 18 and 19, Heroku and Docker: logs to standard output, the container's boot.sh"""
    needs_this_form()
    edit(
        "app/__init__.py",
        ("# more imports", "import logging\n# more imports"),
        (
            "    # more set-up",
            """    if app.config['LOG_TO_STDOUT']:
        stream_handler = logging.StreamHandler()
        stream_handler.setLevel(logging.INFO)
        app.logger.addHandler(stream_handler)
        app.logger.setLevel(logging.INFO)
        app.logger.info('Microblog startup')
    # more set-up""",
        ),
    )
    load()
    write(
        "boot.sh",
        """#!/bin/sh
while true; do
    $PYTHON -m flask db upgrade
    if [ "$?" = "0" ]; then
        break
    fi
    sleep 5
done
exec $PYTHON -m gunicorn -b 127.0.0.1:$PORT --access-logfile - --error-logfile - microblog:app
""",
    )
    database = "sqlite:///" + os.path.abspath("container.db")
    with started(["sh", "boot.sh"], DATABASE_URL=database, LOG_TO_STDOUT="1") as address:
        assert "<h1>Sign In</h1>" in fetch(address + "/")
        with open("server.log") as log:
            assert "Microblog startup" in log.read()
    assert os.path.getsize("container.db")


def test_chapter_20_javascript():
    """Chapter 20, Some JavaScript Magic: the part of a page that a popup shows"""
    needs_this_form()
    write("app/templates/user_popup.html", "<b>{{ user.username }}</b> {{ user.email }}")
    with open("app/main/routes.py", "a") as file:
        file.write(
            """

@bp.route('/user/<username>/popup')
@login_required
def user_popup(username):
    user = db.first_or_404(sa.select(User).where(User.username == username))
    return render_template('user_popup.html', user=user)
"""
        )
    client = client_of(load().app, "rosa")
    assert client.get("/user/rosa/popup").data == b"<b>rosa</b> rosa@example.com"
    assert client.get("/user/nobody/popup").status_code == 404


def test_chapter_21_notifications():
    """Chapter 21, User Notifications: private messages, and news that the page asks for"""
    needs_this_form()
    edit(
        "app/models.py",
        ("# more imports\n", "import json\nfrom time import time\n# more imports\n"),
        (
            "    # more of the user\n",
            """    messages_received: so.WriteOnlyMapped['Message'] = so.relationship(
        foreign_keys='Message.recipient_id', back_populates='recipient')
    notifications: so.WriteOnlyMapped['Notification'] = so.relationship(back_populates='user')

    def unread_message_count(self):
        query = self.messages_received.select().subquery()
        return db.session.scalar(sa.select(sa.func.count()).select_from(query))

    def add_notification(self, name, data):
        db.session.execute(self.notifications.delete().where(Notification.name == name))
        notification = Notification(name=name, payload_json=json.dumps(data), user=self)
        db.session.add(notification)
        return notification

    # more of the user
""",
        ),
        (
            "# more models\n",
            """class Message(db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    recipient_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey(User.id), index=True)
    body: so.Mapped[str] = so.mapped_column(sa.String(140))
    recipient: so.Mapped[User] = so.relationship(
        foreign_keys='Message.recipient_id', back_populates='messages_received')


class Notification(db.Model):
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    name: so.Mapped[str] = so.mapped_column(sa.String(128), index=True)
    user_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey(User.id), index=True)
    timestamp: so.Mapped[float] = so.mapped_column(index=True, default=time)
    payload_json: so.Mapped[str] = so.mapped_column(sa.Text)
    user: so.Mapped[User] = so.relationship(back_populates='notifications')


# more models
""",
        ),
    )
    edit("app/main/routes.py", ("Post, User", "Message, Notification, Post, User"))
    with open("app/main/routes.py", "a") as file:
        file.write(
            """

@bp.route('/send_message/<recipient>', methods=['POST'])
@login_required
def send_message(recipient):
    user = db.first_or_404(sa.select(User).where(User.username == recipient))
    db.session.add(Message(recipient=user, body=request.form['message']))
    user.add_notification('unread_message_count', user.unread_message_count())
    db.session.commit()
    return 'sent'


@bp.route('/notifications')
@login_required
def notifications():
    since = request.args.get('since', 0.0, type=float)
    query = current_user.notifications.select().where(
        Notification.timestamp > since).order_by(Notification.timestamp.asc())
    return [{'name': n.name, 'data': json.loads(n.payload_json), 'timestamp': n.timestamp}
            for n in db.session.scalars(query)]
"""
        )
    edit("app/main/routes.py", ("import sqlalchemy", "import json\nimport sqlalchemy"))
    app = migrate("messages and notifications")
    grace, linus = client_of(app, "grace"), client_of(app, "linus")
    for text in ("hi", "are you there?"):
        assert grace.post("/send_message/linus", data={"message": text}).data == b"sent"
    (news,) = linus.get("/notifications").get_json()
    assert (news["name"], news["data"]) == ("unread_message_count", 2)
    assert linus.get("/notifications?since=%r" % news["timestamp"]).get_json() == []


def test_chapter_22_background_jobs():
    """Chapter 22, Background Jobs: a worker of RQ runs a task with a real Redis server"""
    needs_this_form()
    if not os.environ.get("WATCHDOG_REDIS"):
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS)")
    edit(
        "app/__init__.py",
        ("# more imports", "from redis import Redis\nimport rq\n# more imports"),
        (
            "    # more set-up",
            "    app.redis = Redis.from_url(app.config['REDIS_URL'])\n"
            "    app.task_queue = rq.Queue('microblog-tasks', connection=app.redis)\n"
            "    # more set-up",
        ),
    )
    write(
        "app/tasks.py",
        """from rq import get_current_job
from app import create_app, db
from app.models import User

app = create_app()
app.app_context().push()


def export_posts(user_id):
    job = get_current_job()
    job.meta['progress'] = 100
    job.save_meta()
    return [post.body for post in db.session.scalars(db.session.get(User, user_id).posts.select())]
""",
    )
    os.environ["REDIS_URL"] = os.environ["WATCHDOG_REDIS"]
    try:
        app = load().app
        job = app.task_queue.enqueue("app.tasks.export_posts", 1)
        worker = [sys.executable, "-m", "rq.cli", "worker", "--burst", "microblog-tasks"]
        worker += ["--url", os.environ["REDIS_URL"]]
        done = subprocess.run(worker, env=environment(), timeout=40)
        assert done.returncode == 0
        job.refresh()
        assert job.get_status() == "finished", job.get_status()
        value = job.return_value() if callable(job.return_value) else job.result
        assert (value, job.meta["progress"]) == (["hello"], 100)
    finally:
        del os.environ["REDIS_URL"]


def test_chapter_23_api():
    """Chapter 23, APIs: tokens and basic authentication with Flask-HTTPAuth, errors in JSON"""
    needs_this_form()
    edit(
        "app/models.py",
        ("# more imports\n", "import secrets\nfrom datetime import timedelta\n# more imports\n"),
        (
            "    # more of the user\n",
            """    token: so.Mapped[Optional[str]] = so.mapped_column(
        sa.String(32), index=True, unique=True)
    token_expiration: so.Mapped[Optional[datetime]]

    def to_dict(self):
        return {'id': self.id, 'username': self.username}

    def get_token(self, expires_in=3600):
        now = datetime.now(timezone.utc)
        if self.token and self.token_expiration.replace(
                tzinfo=timezone.utc) > now + timedelta(seconds=60):
            return self.token
        self.token = secrets.token_hex(16)
        self.token_expiration = now + timedelta(seconds=expires_in)
        db.session.add(self)
        return self.token

    @staticmethod
    def check_token(token):
        user = db.session.scalar(sa.select(User).where(User.token == token))
        if user is None or user.token_expiration.replace(
                tzinfo=timezone.utc) < datetime.now(timezone.utc):
            return None
        return user

    # more of the user
""",
        ),
    )
    api = "from flask import Blueprint\n\nbp = Blueprint('api', __name__)\n\nfrom app.api import users\n"
    write("app/api/__init__.py", api)
    write(
        "app/api/users.py",
        """import sqlalchemy as sa
from flask import request, url_for
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from app import db
from app.api import bp
from app.models import User

basic_auth = HTTPBasicAuth()
token_auth = HTTPTokenAuth()


def error_response(status_code, message=None):
    payload = {'error': HTTP_STATUS_CODES.get(status_code, 'Unknown error')}
    if message:
        payload['message'] = message
    return payload, status_code


@bp.errorhandler(HTTPException)
def handle_exception(e):
    return error_response(e.code)


@basic_auth.verify_password
def verify_password(username, password):
    user = db.session.scalar(sa.select(User).where(User.username == username))
    if user and user.check_password(password):
        return user


@basic_auth.error_handler
def basic_auth_error(status):
    return error_response(status)


@token_auth.verify_token
def verify_token(token):
    return User.check_token(token) if token else None


@token_auth.error_handler
def token_auth_error(status):
    return error_response(status)


@bp.route('/tokens', methods=['POST'])
@basic_auth.login_required
def get_token():
    token = basic_auth.current_user().get_token()
    db.session.commit()
    return {'token': token}


@bp.route('/users/<int:id>', methods=['GET'])
@token_auth.login_required
def get_user(id):
    return db.get_or_404(User, id).to_dict()


@bp.route('/users', methods=['GET'])
@token_auth.login_required
def get_users():
    resources = db.paginate(sa.select(User), per_page=2, error_out=False)
    return {'items': [user.to_dict() for user in resources.items],
            '_meta': {'total_items': resources.total}}


@bp.route('/users', methods=['POST'])
def create_user():
    data = request.get_json()
    if 'username' not in data or 'password' not in data:
        return error_response(400, 'must include username and password fields')
    user = User(username=data['username'], email=data['email'])
    user.set_password(data['password'])
    db.session.add(user)
    db.session.commit()
    return user.to_dict(), 201, {'Location': url_for('api.get_user', id=user.id)}
""",
    )
    edit(
        "app/errors/handlers.py",
        ("# more imports", "from app.api.users import error_response"),
        (
            "    # more of not found\n",
            """    wants = request.accept_mimetypes
    if wants['application/json'] >= wants['text/html']:
        return error_response(404)
""",
        ),
    )
    edit(
        "app/__init__.py",
        (
            "    # more set-up",
            "    from app.api import bp as api_bp\n"
            "    app.register_blueprint(api_bp, url_prefix='/api')\n    # more set-up",
        ),
    )
    if os.environ.get("WATCHDOG_REDIS"):
        os.environ["REDIS_URL"] = os.environ["WATCHDOG_REDIS"]
    client = migrate("user tokens").test_client()
    refused = client.post("/api/users", json={"username": "alice"})
    assert refused.status_code == 400 and "must include" in refused.get_json()["message"]
    alice = {"username": "alice", "email": "alice@example.com", "password": "dog"}
    created = client.post("/api/users", json=alice)
    assert created.status_code == 201
    assert client.post("/api/tokens").get_json() == {"error": "Unauthorized"}
    basic = "Basic " + base64.b64encode(b"alice:dog").decode()
    token = client.post("/api/tokens", headers={"Authorization": basic}).get_json()["token"]
    bearer = {"Authorization": "Bearer " + token}
    location = created.headers["Location"]
    assert client.get(location, headers=bearer).get_json()["username"] == "alice"
    assert client.get(location).status_code == 401
    listed = client.get("/api/users", headers=bearer).get_json()
    assert len(listed["items"]) == 2 and listed["_meta"]["total_items"] > 2
    missing = client.get("/api/users/999", headers=dict(bearer, Accept="application/json"))
    assert (missing.status_code, missing.get_json()) == (404, {"error": "Not Found"})
