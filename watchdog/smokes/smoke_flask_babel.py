"""Flask-Babel: translated texts from a compiled catalogue, dates and numbers by locale."""

import datetime
import os

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string, request
from flask_babel import (
    Babel,
    force_locale,
    format_currency,
    format_date,
    format_datetime,
    get_locale,
    gettext,
    lazy_gettext,
    ngettext,
)

SABOTAGE = [
    "flask_babel/__init__.py:Babel.init_app",
    "flask_babel/__init__.py:get_locale",
    "flask_babel/__init__.py:Domain.gettext",
    "flask_babel/__init__.py:format_datetime",
]


def create_app():
    folder = os.path.abspath("translations")
    os.makedirs(os.path.join(folder, "de", "LC_MESSAGES"), exist_ok=True)
    catalog = Catalog(locale="de")
    catalog.add("Good morning, %(name)s", "Guten Morgen, %(name)s")
    catalog.add(("%(num)s apple", "%(num)s apples"), ("%(num)s Apfel", "%(num)s Äpfel"))
    with open(os.path.join(folder, "de", "LC_MESSAGES", "messages.mo"), "wb") as file:
        write_mo(file, catalog)

    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(BABEL_TRANSLATION_DIRECTORIES=folder, BABEL_DEFAULT_TIMEZONE="Europe/Vienna")

    def select_locale():
        return request.accept_languages.best_match(["en", "de"])

    if hasattr(Babel, "localeselector"):  # before 3.0
        Babel(app).localeselector(select_locale)
    else:
        Babel(app, locale_selector=select_locale)
    return app


def get(app, url, language):
    response = app.test_client().get(url, headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_gettext():
    """Texts come from the catalogue of the language that the browser asks for."""
    app = create_app()
    greeting = lazy_gettext("Good morning, %(name)s", name="Bob")

    @app.route("/")
    def index():
        apples = [ngettext("%(num)s apple", "%(num)s apples", n) for n in (1, 3)]
        texts = [gettext("Good morning, %(name)s", name="Ada"), str(greeting)] + apples
        return ", ".join(texts + [str(get_locale())])

    english = "Good morning, Ada, Good morning, Bob, 1 apple, 3 apples, en"
    german = "Guten Morgen, Ada, Guten Morgen, Bob, 1 Apfel, 3 Äpfel, de"
    assert get(app, "/", "en") == english
    assert get(app, "/", "de-AT,de;q=0.9") == german


def test_templates():
    """Templates translate with _() and format with the filters."""
    app = create_app()

    @app.route("/")
    def index():
        source = "{{ _('Good morning, %(name)s', name='<b>') }} {{ day|dateformat('d. MMMM') }}"
        return render_template_string(source, day=datetime.date(2024, 3, 5))

    assert get(app, "/", "de") == "Guten Morgen, &lt;b&gt; 5. März"
    assert get(app, "/", "en") == "Good morning, &lt;b&gt; 5. March"


def test_formats():
    """Dates follow locale and time zone; money follows the locale."""
    app = create_app()
    moment = datetime.datetime(2024, 3, 5, 14, 30)

    @app.route("/")
    def index():
        texts = [format_datetime(moment, "d MMMM yyyy HH:mm"), format_date(moment, "EEEE")]
        return "; ".join(texts + [format_currency(1234.5, "EUR")])

    assert get(app, "/", "en") == "5 March 2024 15:30; Tuesday; €1,234.50"
    assert get(app, "/", "de") == "5 März 2024 15:30; Dienstag; 1.234,50\xa0€"


def test_force_locale():
    """Another locale can be forced for a while, as for a mail to somebody else."""
    app = create_app()
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert gettext("Good morning, %(name)s", name="Ada") == "Good morning, Ada"
        with force_locale("de"):
            assert gettext("Good morning, %(name)s", name="Ada") == "Guten Morgen, Ada"
        assert gettext("Good morning, %(name)s", name="Ada") == "Good morning, Ada"
