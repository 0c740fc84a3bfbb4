"""Flask-Assets: bundles of scripts and style sheets, merged, filtered and linked in templates."""

import os
import re

from flask import Blueprint, Flask, render_template_string
from flask.cli import FlaskGroup
from flask_assets import Bundle, Environment

SABOTAGE = [
    "flask_assets.py:Environment.init_app",
    "flask_assets.py:FlaskResolver.convert_item_to_flask_url",
    "flask_assets.py:Jinja2Filter.input",
    "flask_assets.py:_webassets_cmd",
]

SCRIPTS = """{% assets "js_all" %}<script src="{{ ASSET_URL }}"></script>{% endassets %}"""


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def create_app(name, **config):
    folder = os.path.abspath(os.path.join(name, "static"))
    write(folder, "first.js", "var first = 1;\n")
    write(folder, "second.js", "var second = 2;\n")
    app = Flask(__name__, static_folder=folder, static_url_path="/static")
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)

    @app.route("/")
    def index():
        return render_template_string(SCRIPTS)

    return app


def sources(client):
    return re.findall('src="([^"]+)"', client.get("/").get_data(as_text=True))


def test_merged_bundle():
    """A template links one file, made of all the files of the bundle"""
    app = create_app("merged")
    assets = Environment(app)
    assets.register("js_all", Bundle("first.js", "second.js", output="gen/packed.js"))
    client = app.test_client()
    (url,) = sources(client)
    assert url.startswith("/static/gen/packed.js?")
    with client.get(url) as response:
        assert response.get_data(as_text=True).split() == "var first = 1; var second = 2;".split()


def test_debug_mode_links_the_sources():
    """In debug mode the files are linked one by one, a blueprint's too"""
    app = create_app("debug", ASSETS_DEBUG=True)
    assets = Environment()
    assets.init_app(app)
    folder = os.path.abspath("debug/shop")
    write(folder, "cart.js", "var cart = [];\n")
    app.register_blueprint(
        Blueprint("shop", __name__, static_folder=folder, static_url_path="/shop/static")
    )
    with app.app_context():
        assets.register("js_all", "first.js", "shop/cart.js", output="packed.js")
    urls = [url.partition("?")[0] for url in sources(app.test_client())]
    assert urls == ["/static/first.js", "/shop/static/cart.js"]


def test_jinja2_filter():
    """The jinja2 filter renders the sources as templates of the application"""
    app = create_app("filter", GREETING="hello from the config")
    write(app.static_folder, "greeting.js", "var greeting = '{{ config.GREETING }}';")
    assets = Environment(app)
    assets.register("js_all", Bundle("greeting.js", filters="jinja2", output="greeting.out.js"))
    client = app.test_client()
    (url,) = sources(client)
    with client.get(url) as response:
        assert response.data == b"var greeting = 'hello from the config';"


def test_build_command():
    """The command "flask assets build" writes the bundles"""
    app = create_app("command")
    assets = Environment(app)
    assets.register("js_all", Bundle("first.js", "second.js", output="packed.js"))
    group = FlaskGroup(create_app=lambda: app)
    result = app.test_cli_runner().invoke(group, ["assets", "build"])
    assert result.exit_code == 0, result.output
    with open(os.path.join(app.static_folder, "packed.js")) as file:
        assert "var second = 2;" in file.read()
