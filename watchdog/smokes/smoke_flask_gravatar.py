"""Flask-Gravatar: the address of a person's Gravatar image, as a template filter."""

import hashlib
import html

from flask import Flask, render_template_string
from flask_gravatar import Gravatar

SABOTAGE = [
    "flask_gravatar/__init__.py:Gravatar.init_app",
    "flask_gravatar/__init__.py:Gravatar.__call__",
]

EMAIL = "Ada@example.com"


def md5(email):
    return hashlib.md5(email.encode("ascii")).hexdigest()


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)

    @app.route("/")
    def index():
        return render_template_string("{{ email|gravatar }}", email=EMAIL)

    @app.route("/big")
    def big():
        template = "{{ email|gravatar(size=200, rating='x', default='404', force_lower=True) }}"
        return render_template_string(template, email=EMAIL)

    return app


def get(app, path, **options):
    response = app.test_client().get(path, **options)
    assert response.status_code == 200
    return html.unescape(response.get_data(as_text=True))


def test_filter():
    """The filter gives the address of the image, by the options of the extension"""
    app = create_app()
    Gravatar(
        app,
        size=100,
        rating="g",
        default="retro",
        force_default=False,
        force_lower=False,
        use_ssl=False,
        base_url=None,
    )
    expected = "http://www.gravatar.com/avatar/%s?s=100&d=retro&r=g" % md5(EMAIL)
    assert get(app, "/") == expected


def test_options_in_the_template():
    """A template chooses size, rating and default image of its own"""
    app = create_app()
    gravatar = Gravatar()
    gravatar.init_app(app)
    url, _, query = get(app, "/big").partition("?")
    assert url.endswith("gravatar.com/avatar/" + md5(EMAIL.lower()))
    assert query == "s=200&d=404&r=x"


def test_https():
    """With SSL the address is the secure one"""
    app = create_app()
    Gravatar(app, use_ssl=True)
    assert get(app, "/").startswith("https://secure.gravatar.com/avatar/" + md5(EMAIL))
