"""Flask-Moment: dates in templates, formatted by moment.js in the browser."""

from datetime import datetime

from flask import Flask, render_template_string
from flask_moment import Moment

SABOTAGE = [
    "flask_moment/__init__.py:Moment.init_app",
    "flask_moment/__init__.py:moment.include_moment",
    "flask_moment/__init__.py:moment.locale",
    "flask_moment/__init__.py:moment._render",
]

THEN = datetime(2020, 5, 6, 7, 8, 9)


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    moment = Moment()
    moment.init_app(app)

    @app.route("/head")
    def head():
        return render_template_string("{{ moment.include_moment() }}{{ moment.locale('es') }}")

    @app.route("/format")
    def formatted():
        return render_template_string("{{ moment(then).format('LLL') }}", then=THEN)

    @app.route("/from-now")
    def from_now():
        template = "{{ moment(then).fromNow(refresh=True) }} {{ moment().calendar() }}"
        return render_template_string(template, then=THEN)

    @app.route("/created")
    def created():
        return moment.create(THEN).format("L")

    return app


def get(path):
    response = create_app().test_client().get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_include_moment():
    """The head of a page loads moment.js and chooses its language"""
    body = get("/head")
    assert "<script src=" in body
    assert "moment-with-locales.min.js" in body
    assert "flask_moment_render" in body
    assert 'moment.locale("es")' in body


def test_format():
    """A time in a template becomes a span which the browser formats"""
    body = get("/format")
    assert body.startswith('<span class="flask-moment" data-timestamp="2020-05-06T07:08:09Z"')
    assert "format" in body
    assert "LLL" in body


def test_from_now():
    """A time is shown relative to now, refreshed every minute"""
    body = get("/from-now")
    assert 'data-timestamp="2020-05-06T07:08:09Z"' in body
    assert "fromNow" in body
    assert 'data-refresh="60000"' in body
    assert "calendar" in body
    assert body.count("<span") == 2


def test_create_in_python():
    """A view makes a moment in Python and sends its HTML"""
    body = get("/created")
    assert 'data-timestamp="2020-05-06T07:08:09Z"' in body
    assert "&lt;" not in body
