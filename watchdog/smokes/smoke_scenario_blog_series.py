"""A blog after a series of twelve videos of 2018 that many beginners type along with.

Each test is a part of the series: it types what the part adds to the files of the application,
which are those of the parts before. Two lines no longer work as the videos type them; the parts
go on with what the series' repository has since. The texts are our own. Mails are recorded in
Flask-Mail's outbox, not sent.
"""

import contextlib
import importlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

SABOTAGE = [
    "flask_bcrypt.py:Bcrypt.generate_password_hash",
    "flask_login/utils.py:login_user",
    "flask_mail.py:Connection.send",
    "flask_wtf/file.py:FileField.process_formdata",
]

sys.dont_write_bytecode = True  # a file that is changed twice in a second would be loaded once


def write(name, text):
    """Write a file of the application."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def add(name, text):
    """Add something to the end of a file, or write it if there is none."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "a") as file:
        file.write(text)


def load(name="flaskblog"):
    """Import a module of the application as a new process would."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in list(sys.modules):
        if module.split(".")[0] == "flaskblog":
            del sys.modules[module]
    importlib.invalidate_caches()
    return importlib.import_module(name)


def application():
    app = load().app
    app.config.update(PROPAGATE_EXCEPTIONS=True, TESTING=True)
    return app


@contextlib.contextmanager
def started(program):
    """Type python flaskblog.py; gives the address, and ends the program and its reloader."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = dict(os.environ, PORT=str(port), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, program]
    with open("program.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with open("program.log") as log:
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


def submit(client, url, **data):
    """Fill in the form of a page, as a browser that follows redirects does."""
    page = client.get(url).get_data(as_text=True)
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page).group(1)
    return client.post(url, data=data, follow_redirects=True).get_data(as_text=True)


def logged_in(app, name):
    client = app.test_client()
    mail = name + "@example.com"
    submit(client, "/register", username=name, email=mail, password="cat", confirm_password="cat")
    submit(client, "/login", email=mail, password="cat")
    return client


MAIN = "\n\nif __name__ == '__main__':\n    app.run(debug=True, port=int(os.environ['PORT']))\n"


def test_part_01_getting_started():
    """Part 1, Getting Started: one file, started by python flaskblog.py"""
    start = """import os
from flask import Flask

app = Flask(__name__)


@app.route("/")
@app.route("/home")
def home():
    return "<h1>Home Page</h1>"
"""
    write("flaskblog.py", start + MAIN)
    assert application().test_client().get("/home").data == b"<h1>Home Page</h1>"
    with started("flaskblog.py") as address:
        assert fetch(address) == "<h1>Home Page</h1>"


LAYOUT = """<title>{% if title %}Flask Blog - {{ title }}{% else %}Flask Blog{% endif %}</title>
<link rel="stylesheet" href="{{ url_for('static', filename='main.css') }}">
{% with messages = get_flashed_messages(with_categories=true) %}{% for category, message in messages
%}<p class="alert-{{ category }}">{{ message }}</p>{% endfor %}{% endwith %}
{% block content %}{% endblock %}"""
FORM = """{% extends 'layout.html' %}{% block content %}<form method="post"
enctype="multipart/form-data">{{ form.hidden_tag() }}{% for field in form %}{{ field.label }}
{{ field(class='form-control') }}{% for error in field.errors %}<i>{{ error }}</i>{% endfor %}
{% endfor %}</form>{{ note }}{% endblock %}"""


def test_part_02_templates():
    """Part 2, Templates: posts in a page that extends a layout, a style sheet"""
    write("templates/layout.html", LAYOUT)
    write("static/main.css", "body { margin: 0 }")
    write(
        "templates/home.html",
        """{% extends "layout.html" %}{% block content %}{% for post in posts %}
<h1>{{ post.title }}</h1><p>{{ post.content }}</p>{% endfor %}{% endblock content %}""",
    )
    write(
        "flaskblog.py",
        """import os
from flask import Flask, render_template, url_for

app = Flask(__name__)
posts = [{'title': 'Blog Post 1', 'content': 'First post content'}]


@app.route("/")
def home():
    return render_template('home.html', posts=posts, title='About')
"""
        + MAIN,
    )
    client = application().test_client()
    page = client.get("/").get_data(as_text=True)
    assert "<title>Flask Blog - About</title>" in page and "<h1>Blog Post 1</h1>" in page
    with client.get("/static/main.css") as response:
        assert b"margin" in response.data


FORMS = """from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField, SubmitField, TextAreaField
from wtforms.validators import DataRequired, Email, EqualTo, Length, ValidationError


class RegistrationForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired(), Length(min=2, max=20)])
    email = StringField('Email', validators=[DataRequired(), Email()])
    password = PasswordField('Password', validators=[DataRequired()])
    confirm_password = PasswordField('Confirm', validators=[DataRequired(), EqualTo('password')])
    submit = SubmitField('Sign Up')


class LoginForm(FlaskForm):
    email = StringField('Email', validators=[DataRequired(), Email()])
    password = PasswordField('Password', validators=[DataRequired()])
    remember = BooleanField('Remember Me')
    submit = SubmitField('Login')
"""


def test_part_03_forms():
    """Part 3, Forms and User Input: a registration form that is validated"""
    write("forms.py", FORMS)
    write("templates/form.html", FORM)
    write(
        "flaskblog.py",
        """import os
from flask import Flask, flash, redirect, render_template, url_for
from forms import LoginForm, RegistrationForm

app = Flask(__name__)
app.config['SECRET_KEY'] = '5791628bb0b13ce0c676dfde280ba245'


@app.route("/")
def home():
    return render_template('layout.html')


@app.route("/register", methods=['GET', 'POST'])
def register():
    form = RegistrationForm()
    if form.validate_on_submit():
        flash(f'Account created for {form.username.data}!', 'success')
        return redirect(url_for('home'))
    return render_template('form.html', title='Register', form=form)
"""
        + MAIN,
    )
    client = application().test_client()
    new = dict(username="A", email="ada", password="x", confirm_password="y")
    page = submit(client, "/register", **new)
    assert "Invalid email address." in page and "Field must be equal to password." in page
    assert "Field must be between 2 and 20 characters long." in page
    new = dict(username="Ada", email="ada@example.com", password="x", confirm_password="x")
    page = submit(client, "/register", **new)
    assert '<p class="alert-success">Account created for Ada!</p>' in page


MODELS = """

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(20), unique=True, nullable=False)
    email = db.Column(db.String(120), unique=True, nullable=False)
    image_file = db.Column(db.String(20), nullable=False, default='default.jpg')
    password = db.Column(db.String(60), nullable=False)
    posts = db.relationship('Post', backref='author', lazy=True)

    def __repr__(self):
        return f"User('{self.username}', '{self.email}', '{self.image_file}')"


class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(100), nullable=False)
    date_posted = db.Column(db.DateTime, nullable=False, default=datetime.utcnow)
    content = db.Column(db.Text, nullable=False)
    user_id = db.Column(db.Integer, db.ForeignKey('user.id'), nullable=False)

    def __repr__(self):
        return f"Post('{self.title}')"
"""
DATABASE = """from datetime import datetime
import os
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config['SECRET_KEY'] = '5791628bb0b13ce0c676dfde280ba245'
app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///site.db'
db = SQLAlchemy(app)
"""


def use_models(module):
    """Type at Python's prompt what the part does: two rows, a relationship, queries."""
    module.db.create_all()
    user = module.User(username="Corey", email="c@example.com", password="password")
    module.db.session.add(user)
    module.db.session.commit()
    module.db.session.add(module.Post(title="Blog 1", content="First!", user_id=user.id))
    module.db.session.commit()
    assert repr(module.User.query.all()) == "[User('Corey', 'c@example.com', 'default.jpg')]"
    assert repr(module.User.query.filter_by(username="Corey").first().posts) == "[Post('Blog 1')]"
    assert module.Post.query.first().author.id == module.User.query.get(1).id
    module.db.drop_all()
    module.db.create_all()
    assert module.User.query.all() == []


def test_part_04_database_of_the_video():
    """Part 4, as the video types it: models, db.create_all() at Python's prompt"""
    write("flaskblog.py", DATABASE + MODELS + MAIN)
    use_models(load())


def test_part_04_database_of_the_repository():
    """Part 4, as typed since Flask-SQLAlchemy 3.0: the same in an application context"""
    write("flaskblog.py", DATABASE + MODELS + MAIN)
    module = load()
    with module.app.app_context():
        use_models(module)


def test_part_05_package():
    """Part 5, Package Structure: the file becomes a package, started by python run.py"""
    os.remove("flaskblog.py")
    for name in ("layout.html", "form.html"):
        with open("templates/" + name) as file:
            write("flaskblog/templates/" + name, file.read())
    write("flaskblog/static/profile_pics/default.jpg", "")
    write("flaskblog/forms.py", FORMS)
    write(
        "flaskblog/__init__.py",
        DATABASE.replace("site.db", "package.db") + "\nfrom flaskblog import routes\n",
    )
    models = "from datetime import datetime\nfrom flaskblog import db\n" + MODELS
    write("flaskblog/models.py", models)
    write(
        "flaskblog/routes.py",
        """from flask import render_template
from flaskblog import app
from flaskblog.models import User, Post


@app.route("/")
def home():
    return render_template('layout.html', title='Package')
""",
    )
    write("run.py", "import os\nfrom flaskblog import app\n" + MAIN)
    assert b"<title>Flask Blog - Package</title>" in application().test_client().get("/").data
    with started("run.py") as address:
        assert "<title>Flask Blog - Package</title>" in fetch(address)


ROUTES = """import os
import secrets
from PIL import Image
from flask import abort, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user
from flaskblog import app, bcrypt, db
from flaskblog.forms import LoginForm, RegistrationForm
from flaskblog.models import Post, User


@app.route("/")
def home():
    return render_template('layout.html')


@app.route("/register", methods=['GET', 'POST'])
def register():
    form = RegistrationForm()
    if form.validate_on_submit():
        hashed_password = bcrypt.generate_password_hash(form.password.data).decode('utf-8')
        user = User(username=form.username.data, email=form.email.data, password=hashed_password)
        db.session.add(user)
        db.session.commit()
        flash('Your account has been created!', 'success')
        return redirect(url_for('login'))
    return render_template('form.html', title='Register', form=form)


@app.route("/login", methods=['GET', 'POST'])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        user = User.query.filter_by(email=form.email.data).first()
        if user and bcrypt.check_password_hash(user.password, form.password.data):
            login_user(user, remember=form.remember.data)
            return redirect(request.args.get('next') or url_for('home'))
        flash('Login Unsuccessful.', 'danger')
    return render_template('form.html', title='Login', form=form)


@app.route("/logout")
def logout():
    logout_user()
    return redirect(url_for('home'))
"""
ACCOUNT = """

@app.route("/account")
@login_required
def account():
    return render_template('form.html', title='Account', note=current_user.username)
"""


def test_part_06_authentication():
    """Part 6, User Authentication: Flask-Bcrypt, Flask-Login, names that are taken"""
    write(
        "flaskblog/__init__.py",
        DATABASE.replace("site.db", "package.db")
        + """from flask_bcrypt import Bcrypt
from flask_login import LoginManager

bcrypt = Bcrypt(app)
login_manager = LoginManager(app)
login_manager.login_view = 'login'
login_manager.login_message_category = 'info'

from flaskblog import routes

with app.app_context():
    db.create_all()
""",
    )
    write(
        "flaskblog/models.py",
        """from datetime import datetime
from flaskblog import db, login_manager
from flask_login import UserMixin


@login_manager.user_loader
def load_user(user_id):
    return User.query.get(int(user_id))
"""
        + MODELS.replace("class User(db.Model)", "class User(db.Model, UserMixin)"),
    )
    checks = """
    def validate_username(self, username):
        if User.query.filter_by(username=username.data).first():
            raise ValidationError('That username is taken.')


class LoginForm"""
    forms = FORMS.replace("\n\nclass LoginForm", checks)
    write("flaskblog/forms.py", "from flaskblog.models import User\n" + forms)
    write("flaskblog/routes.py", ROUTES.replace("from PIL import Image\n", ""))
    add("flaskblog/routes.py", ACCOUNT.replace("title=", "form=LoginForm(), title="))
    app = application()
    client = app.test_client()
    page = client.get("/account", follow_redirects=True).get_data(as_text=True)
    assert '<p class="alert-info">Please log in to access this page.</p>' in page
    new = dict(username="ada", email="ada@example.com", password="cat", confirm_password="cat")
    assert "Your account has been created!" in submit(client, "/register", **new)
    assert "That username is taken." in submit(client, "/register", **new)
    login = dict(email="ada@example.com", password="dog")
    assert "Login Unsuccessful." in submit(client, "/login", **login)
    page = submit(client, "/login?next=/account", **dict(login, password="cat"))
    assert "ada" in page
    client.get("/logout")
    assert client.get("/account").status_code == 302


def test_part_07_account():
    """Part 7, User Account and Profile Picture: an upload, which Pillow makes small"""
    add(
        "flaskblog/forms.py",
        """

from flask_wtf.file import FileField, FileAllowed


class UpdateAccountForm(FlaskForm):
    username = StringField('Username', validators=[DataRequired(), Length(min=2, max=20)])
    picture = FileField('Update Profile Picture', validators=[FileAllowed(['jpg', 'png'])])
    submit = SubmitField('Update')
""",
    )
    write("flaskblog/routes.py", ROUTES)
    add(
        "flaskblog/routes.py",
        """

from flaskblog.forms import UpdateAccountForm


def save_picture(form_picture):
    _, f_ext = os.path.splitext(form_picture.filename)
    picture_fn = secrets.token_hex(8) + f_ext
    i = Image.open(form_picture)
    i.thumbnail((125, 125))
    i.save(os.path.join(app.root_path, 'static/profile_pics', picture_fn))
    return picture_fn


@app.route("/account", methods=['GET', 'POST'])
@login_required
def account():
    form = UpdateAccountForm()
    if form.validate_on_submit():
        if form.picture.data:
            current_user.image_file = save_picture(form.picture.data)
        current_user.username = form.username.data
        db.session.commit()
        return redirect(url_for('account'))
    form.username.data = current_user.username
    image = url_for('static', filename='profile_pics/' + current_user.image_file)
    return render_template('form.html', title='Account', form=form, note=image)
""",
    )
    client = logged_in(application(), "bob")
    assert "/static/profile_pics/default.jpg" in client.get("/account").get_data(as_text=True)
    image_module = importlib.import_module("PIL.Image")
    picture = io.BytesIO()
    image_module.new("RGB", (500, 250), "red").save(picture, "PNG")
    picture.seek(0)
    page = submit(client, "/account", username="bobby", picture=(picture, "me.png"))
    path = re.search(r"/static/profile_pics/\w+\.png", page).group()
    with image_module.open("flaskblog" + path) as image:
        assert image.size == (125, 62) or image.size == (125, 63)
    assert 'value="bobby"' in page
    assert "File does not have" in submit(
        client, "/account", username="bob", picture=(io.BytesIO(b"x"), "me.txt")
    )


def test_part_08_posts():
    """Part 8, Create, Update, and Delete Posts: only by the author"""
    add(
        "flaskblog/forms.py",
        """

class PostForm(FlaskForm):
    title = StringField('Title', validators=[DataRequired()])
    content = TextAreaField('Content', validators=[DataRequired()])
    submit = SubmitField('Post')
""",
    )
    write(
        "flaskblog/templates/post.html",
        """{% extends 'layout.html' %}{% block content %}{{ post.author.username }}
{{ post.date_posted.strftime('%Y-%m-%d') }}<h2>{{ post.title }}</h2>{{ post.content }}
{% endblock %}""",
    )
    add(
        "flaskblog/routes.py",
        """

from flaskblog.forms import PostForm


@app.route("/post/new", methods=['GET', 'POST'])
@login_required
def new_post():
    form = PostForm()
    if form.validate_on_submit():
        post = Post(title=form.title.data, content=form.content.data, author=current_user)
        db.session.add(post)
        db.session.commit()
        return redirect(url_for('post', post_id=post.id))
    return render_template('form.html', title='New Post', form=form)


@app.route("/post/<int:post_id>")
def post(post_id):
    return render_template('post.html', post=Post.query.get_or_404(post_id))


@app.route("/post/<int:post_id>/update", methods=['GET', 'POST'])
@login_required
def update_post(post_id):
    post = Post.query.get_or_404(post_id)
    if post.author != current_user:
        abort(403)
    form = PostForm(obj=post)
    if form.validate_on_submit():
        post.title, post.content = form.title.data, form.content.data
        db.session.commit()
        return redirect(url_for('post', post_id=post.id))
    return render_template('form.html', title='Update Post', form=form)


@app.route("/post/<int:post_id>/delete", methods=['POST'])
@login_required
def delete_post(post_id):
    post = Post.query.get_or_404(post_id)
    if post.author != current_user:
        abort(403)
    db.session.delete(post)
    db.session.commit()
    return redirect(url_for('home'))
""",
    )
    app = application()
    author, other = logged_in(app, "ada"), logged_in(app, "eve")
    assert "<h2>Tea</h2>" in submit(author, "/post/new", title="Tea", content="is good")
    assert "<h2>Milk</h2>" in submit(author, "/post/1/update", title="Milk", content="is good")
    assert other.get("/post/1/update").status_code == 403
    assert other.post("/post/1/delete").status_code == 403
    assert author.post("/post/1/delete").status_code == 302
    assert author.get("/post/1").status_code == 404


def test_part_09_pagination():
    """Part 9, Pagination: Post.query.paginate and its iter_pages in a template"""
    write(
        "flaskblog/templates/pages.html",
        """{% for post in posts.items %}<h2>{{ post.title }}</h2>{% endfor %}
{% for page_num in posts.iter_pages(left_edge=1, right_edge=1, left_current=1, right_current=2) %}
{% if page_num %}<a>{{ page_num }}</a>{% else %}...{% endif %}{% endfor %}""",
    )
    add(
        "flaskblog/routes.py",
        """

@app.route("/user/<string:username>")
def user_posts(username):
    page = request.args.get('page', 1, type=int)
    user = User.query.filter_by(username=username).first_or_404()
    posts = Post.query.filter_by(author=user).order_by(Post.id.desc()).paginate(
        page=page, per_page=2)
    return render_template('pages.html', posts=posts)
""",
    )
    client = logged_in(application(), "paula")
    for number in range(15):
        submit(client, "/post/new", title="Post %d" % number, content="text")
    page = client.get("/user/paula?page=3").get_data(as_text=True)
    assert "<h2>Post 10</h2>" in page and "<h2>Post 9</h2>" in page and "Post 8<" not in page
    assert re.findall(r"<a>(\d)</a>|(\.\.\.)", page)[0][0] == "1" and "<a>8</a>" in page
    assert client.get("/user/paula?page=9").status_code == 404


RESET = """

from flask import current_app
from flask_mail import Mail, Message

app.config['MAIL_SUPPRESS_SEND'] = True  # recorded, not sent
mail = Mail(app)


@app.route("/reset_password", methods=['POST'])
def reset_request():
    user = User.query.filter_by(email=request.form['email']).first()
    msg = Message('Password Reset Request', sender='noreply@demo.com', recipients=[user.email])
    link = url_for('reset_token', token=get_reset_token(user), _external=True)
    msg.body = f'To reset your password, visit the following link: {link}'
    mail.send(msg)
    return 'sent'


@app.route("/reset_password/<token>", methods=['POST'])
def reset_token(token):
    user = verify_reset_token(token)
    if user is None:
        return 'That is an invalid or expired token', 400
    hashed_password = bcrypt.generate_password_hash(request.form['password']).decode('utf-8')
    user.password = hashed_password
    db.session.commit()
    return 'updated'
"""
TOKENS_OF_THE_VIDEO = """

from itsdangerous import TimedJSONWebSignatureSerializer as Serializer


def get_reset_token(user, expires_sec=1800):
    s = Serializer(app.config['SECRET_KEY'], expires_sec)
    return s.dumps({'user_id': user.id}).decode('utf-8')


def verify_reset_token(token):
    s = Serializer(app.config['SECRET_KEY'])
    try:
        user_id = s.loads(token)['user_id']
    except Exception:
        return None
    return User.query.get(user_id)
"""
TOKENS_OF_THE_REPOSITORY = """

from itsdangerous import URLSafeTimedSerializer as Serializer


def get_reset_token(user):
    s = Serializer(app.config['SECRET_KEY'], 'confirmation')
    return s.dumps({'user_id': user.id})


def verify_reset_token(token, max_age=1800):
    s = Serializer(app.config['SECRET_KEY'], 'confirmation')
    try:
        user_id = s.loads(token, max_age=max_age)['user_id']
    except Exception:
        return None
    return User.query.get(user_id)
"""


def reset_password(tokens, name):
    """Type the routes of the part with these tokens; reset a password by the link of the mail."""
    with open("flaskblog/routes.py") as file:
        before = file.read()
    try:
        add("flaskblog/routes.py", RESET + tokens)
        app = application()
        logged_in(app, name)
        client, mail = app.test_client(), sys.modules["flaskblog.routes"].mail
        address = name + "@example.com"
        with mail.record_messages() as outbox:
            assert client.post("/reset_password", data={"email": address}).data == b"sent"
        assert (outbox[0].subject, outbox[0].recipients) == ("Password Reset Request", [address])
        path = re.search(r"http://localhost(/reset_password/\S+)", outbox[0].body).group(1)
        assert client.post(path + "x", data={"password": "new"}).status_code == 400
        assert client.post(path, data={"password": "new"}).data == b"updated"
        submit(client, "/login", email=address, password="new")
        assert client.get("/account").status_code == 200
    except BaseException:
        write("flaskblog/routes.py", before)
        raise


def test_part_10_reset_of_the_video():
    """Part 10, as the video types it: a token of TimedJSONWebSignatureSerializer by mail"""
    reset_password(TOKENS_OF_THE_VIDEO, "video")


def test_part_10_reset_of_the_repository():
    """Part 10, as its repository has it since: a token of URLSafeTimedSerializer by mail"""
    with open("flaskblog/routes.py") as file:
        before = file.read().partition(RESET)[0]
    write("flaskblog/routes.py", before)
    reset_password(TOKENS_OF_THE_REPOSITORY, "repository")


def test_parts_11_and_12_blueprints_and_error_pages():
    """Parts 11 and 12, Blueprints and Custom Error Pages: a factory, pages for 404, 403 and 500"""
    write("flaskblog/templates/errors/error.html", "<h1>{{ text }}</h1>")
    write(
        "flaskblog/errors/handlers.py",
        """from flask import Blueprint, render_template

errors = Blueprint('errors', __name__)


@errors.app_errorhandler(404)
def error_404(error):
    return render_template('errors/error.html', text='Oops. Page Not Found (404)'), 404


@errors.app_errorhandler(403)
def error_403(error):
    return render_template('errors/error.html', text='No permission (403)'), 403


@errors.app_errorhandler(500)
def error_500(error):
    return render_template('errors/error.html', text='Something went wrong (500)'), 500
""",
    )
    write("flaskblog/errors/__init__.py", "")
    write(
        "flaskblog/main.py",
        """from flask import Blueprint, abort
from flaskblog import models

main = Blueprint('main', __name__)


@main.route("/about")
def about():
    return 'About'


@main.route("/secret")
def secret():
    abort(403)


@main.route("/broken")
def broken():
    return {}['nothing']
""",
    )
    write(
        "flaskblog/__init__.py",
        """from flask import Flask
from flask_bcrypt import Bcrypt
from flask_login import LoginManager
from flask_mail import Mail
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
bcrypt = Bcrypt()
login_manager = LoginManager()
login_manager.login_view = 'users.login'
mail = Mail()


class Config:
    SECRET_KEY = '5791628bb0b13ce0c676dfde280ba245'
    SQLALCHEMY_DATABASE_URI = 'sqlite:///package.db'


def create_app(config_class=Config):
    app = Flask(__name__)
    app.config.from_object(config_class)
    for extension in (db, bcrypt, login_manager, mail):
        extension.init_app(app)
    from flaskblog.main import main
    from flaskblog.errors.handlers import errors
    app.register_blueprint(main)
    app.register_blueprint(errors)
    return app
""",
    )
    client = load().create_app().test_client()
    assert client.get("/about").data == b"About"
    for url, status in (("/nothing", 404), ("/secret", 403), ("/broken", 500)):
        response = client.get(url)
        assert response.status_code == status and b"(%d)</h1>" % status in response.data
