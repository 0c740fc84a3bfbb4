"""Dash: a page with components, a callback between them, on a Flask server."""

import re

from dash import Dash
from dash.dependencies import Input, Output
from flask import Flask

try:
    from dash import dcc, html
except ImportError:  # before 2.0
    import dash_core_components as dcc
    import dash_html_components as html

SABOTAGE = [
    "dash/dash.py:Dash.index",
    "dash/dash.py:Dash.callback",
    "dash/dash.py:Dash.serve_layout",
    "dash/backends/_flask.py:FlaskDashServer.serve_component_suites",
]

UPDATE = {
    "output": "greeting.children",
    "outputs": {"id": "greeting", "property": "children"},
    "inputs": [{"id": "name", "property": "value", "value": "Ada"}],
    "changedPropIds": ["name.value"],
}


def create_app(**options):
    app = Dash(__name__, **options)
    app.server.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.title = "The shop"
    figure = {"data": [{"x": [1, 2], "y": [3, 4], "type": "bar"}]}
    graph = dcc.Graph(id="sales", figure=figure)
    app.layout = html.Div([dcc.Input(id="name", value=""), html.P(id="greeting"), graph])

    @app.callback(Output("greeting", "children"), [Input("name", "value")])
    def greet(name):
        return "Hello " + name

    return app


def test_page():
    """The page has its title, and every script it names is served"""
    client = create_app().server.test_client()
    response = client.get("/")
    assert response.status_code == 200
    page = response.get_data(as_text=True)
    assert "<title>The shop</title>" in page
    scripts = re.findall(r'<script src="(/_dash-component-suites/[^"]+)"', page)
    assert any("dash-renderer" in script or "dash_renderer" in script for script in scripts)
    for script in scripts:
        served = client.get(script)
        assert served.status_code == 200 and len(served.data) > 100, script
        served.close()


def test_layout():
    """The browser gets the layout and the dependencies between components as JSON"""
    client = create_app().server.test_client()
    layout = client.get("/_dash-layout").get_json()
    assert layout["type"] == "Div" and layout["namespace"] == "dash_html_components"
    children = layout["props"]["children"]
    assert [child["props"]["id"] for child in children] == ["name", "greeting", "sales"]
    assert children[2]["props"]["figure"]["data"][0]["y"] == [3, 4]
    (dependency,) = client.get("/_dash-dependencies").get_json()
    assert dependency["output"] == "greeting.children"
    assert dependency["inputs"] == [{"id": "name", "property": "value"}]


def test_callback():
    """What a user enters reaches the callback, its result goes to the other component"""
    client = create_app().server.test_client()
    response = client.post("/_dash-update-component", json=UPDATE)
    assert response.status_code == 200
    assert response.get_json()["response"] == {"greeting": {"children": "Hello Ada"}}


def test_own_server():
    """Dash lives under a path of an existing Flask application"""
    server = Flask(__name__)

    @server.route("/")
    def index():
        return "home"

    create_app(server=server, url_base_pathname="/dash/")
    client = server.test_client()
    assert client.get("/").data == b"home"
    assert b"<title>The shop</title>" in client.get("/dash/").data
    response = client.post("/dash/_dash-update-component", json=UPDATE)
    assert response.get_json()["response"]["greeting"] == {"children": "Hello Ada"}
