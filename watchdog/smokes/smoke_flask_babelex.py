"""Flask-BabelEx: texts from a compiled catalogue, dates and numbers by the locale of a request."""

import datetime
import os

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string, request
from flask_babelex import (
    Babel,
    Domain,
    format_date,
    format_datetime,
    format_decimal,
    get_locale,
    gettext,
    lazy_gettext,
    ngettext,
)

SABOTAGE = [
    "flask_babelex/__init__.py:Babel.init_app",
    "flask_babelex/__init__.py:get_locale",
    "flask_babelex/__init__.py:Domain.gettext",
    "flask_babelex/__init__.py:format_datetime",
]

TEMPLATE = """{{ _("Good morning, %(name)s", name=name) }} {{ day|dateformat("long") }}"""


def create_app():
    folder = os.path.abspath("translations")
    os.makedirs(os.path.join(folder, "de", "LC_MESSAGES"), exist_ok=True)
    catalog = Catalog(locale="de")
    catalog.add("Good morning, %(name)s", "Guten Morgen, %(name)s")
    catalog.add(("%(num)s apple", "%(num)s apples"), ("%(num)s Apfel", "%(num)s \u00c4pfel"))
    with open(os.path.join(folder, "de", "LC_MESSAGES", "messages.mo"), "wb") as file:
        write_mo(file, catalog)

    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Europe/Vienna"
    babel = Babel(app, default_domain=Domain(dirname=folder))

    @babel.localeselector
    def select_locale():
        return request.accept_languages.best_match(["en", "de"])

    return app


def get(app, language):
    response = app.test_client().get("/", headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_gettext():
    """Texts come from the catalogue of the language that the browser asks for"""
    app = create_app()
    greeting = lazy_gettext("Good morning, %(name)s", name="Bob")

    @app.route("/")
    def index():
        apples = [ngettext("%(num)s apple", "%(num)s apples", n) for n in (1, 3)]
        texts = [gettext("Good morning, %(name)s", name="Ada"), str(greeting)] + apples
        return ", ".join(texts + [str(get_locale())])

    english = "Good morning, Ada, Good morning, Bob, 1 apple, 3 apples, en"
    german = "Guten Morgen, Ada, Guten Morgen, Bob, 1 Apfel, 3 \u00c4pfel, de"
    assert get(app, "en") == english
    assert get(app, "de-AT,de;q=0.9") == german


def test_templates():
    """Templates translate with _() and format with the filters"""
    app = create_app()

    @app.route("/")
    def index():
        day = datetime.date(2020, 3, 1)
        return render_template_string(TEMPLATE, name="Ada", day=day)

    assert get(app, "en") == "Good morning, Ada March 1, 2020"
    assert get(app, "de") == "Guten Morgen, Ada 1. M\u00e4rz 2020"


def test_formatting():
    """Dates and numbers are formatted by locale, times in the application's time zone"""
    app = create_app()

    @app.route("/")
    def index():
        moment = datetime.datetime(2020, 7, 1, 22, 30)
        date = format_date(datetime.date(2020, 7, 1), "long")
        return "%s | %s | %s" % (
            format_datetime(moment, "yyyy-MM-dd HH:mm"),
            date,
            format_decimal(1234.5),
        )

    assert get(app, "en") == "2020-07-02 00:30 | July 1, 2020 | 1,234.5"
    assert get(app, "de") == "2020-07-02 00:30 | 1. Juli 2020 | 1.234,5"
