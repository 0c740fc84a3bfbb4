"""Flasgger: Swagger pages from docstrings, dictionaries and YAML files, and validated bodies."""

import os

from flasgger import Swagger, swag_from
from flask import Flask, jsonify, request
from flask.views import MethodView

SABOTAGE = [
    "flasgger/base.py:Swagger.register_views",
    "flasgger/base.py:Swagger.get_apispecs",
    "flasgger/utils.py:parse_docstring",
    "flasgger/utils.py:validate",
]

COLORS = {"rgb": ["red", "green", "blue"], "cmyk": ["cyan", "magenta", "yellow", "black"]}

PETS_YML = """Take a pet in
---
parameters:
  - name: body
    in: body
    required: true
    schema:
      id: Pet
      required: [name]
      properties: {name: {type: string}, age: {type: integer}}
responses:
  200: {description: The pet}
"""

CATS = {"tags": ["cats"], "responses": {"200": {"description": "A cat"}}}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config["SWAGGER"] = {"title": "Colors API"}
    return app


def create_client():
    app = create_app()
    swagger = Swagger(app)
    path = os.path.abspath("pets.yml")
    with open(path, "w") as file:
        file.write(PETS_YML)

    @app.route("/colors/<palette>/")
    def colors(palette):
        """Example endpoint returning a list of colors by palette
        ---
        parameters:
          - name: palette
            in: path
            type: string
            enum: ['all', 'rgb', 'cmyk']
            required: true
        definitions:
          Palette: {type: object}
        responses:
          200:
            description: A list of colors
            schema: {$ref: '#/definitions/Palette'}
        """
        return jsonify({palette: COLORS.get(palette)})

    @app.route("/pets", methods=["POST"])
    @swagger.validate("Pet")
    @swag_from(path)
    def pets():
        return jsonify(request.get_json())

    return app.test_client()


def test_specification():
    """Docstrings and YAML files make the specification of the views, which answer as ever"""
    client = create_client()
    assert client.get("/colors/rgb/").get_json() == {"rgb": COLORS["rgb"]}
    spec = client.get("/apispec_1.json").get_json()
    assert spec["info"]["title"] == "Colors API"
    assert set(spec["paths"]) == {"/colors/{palette}/", "/pets"}
    colors = spec["paths"]["/colors/{palette}/"]["get"]
    assert colors["summary"] == "Example endpoint returning a list of colors by palette"
    assert colors["parameters"][0]["enum"] == ["all", "rgb", "cmyk"]
    assert set(spec["definitions"]) == {"Palette", "Pet"}
    assert spec["paths"]["/pets"]["post"]["summary"] == "Take a pet in"


def test_page():
    """The Swagger UI page and its script are served"""
    client = create_client()
    page = client.get("/apidocs/").data
    assert b"Colors API" in page and b"/apispec_1.json" in page
    with client.get("/flasgger_static/swagger-ui-bundle.js") as script:
        assert script.status_code == 200 and b"SwaggerUI" in script.data


def test_dictionary():
    """A dictionary makes the specification of a method view"""
    app = create_app()
    swagger = Swagger()

    class Cat(MethodView):
        @swag_from(CATS)
        def get(self, name):
            return jsonify(name=name)

    app.add_url_rule("/cats/<name>", view_func=Cat.as_view("cat"))
    swagger.init_app(app)
    client = app.test_client()
    assert client.get("/cats/tom").get_json() == {"name": "tom"}
    spec = client.get("/apispec_1.json").get_json()
    assert spec["paths"]["/cats/{name}"]["get"]["tags"] == ["cats"]


def test_validation():
    """A body that does not fit its schema is refused"""
    client = create_client()
    assert client.post("/pets", json={"name": "Rex"}).get_json() == {"name": "Rex"}
    response = client.post("/pets", json={"name": "Rex", "age": "old"})
    assert response.status_code == 400 and b"is not of type" in response.data
    assert client.post("/pets", json={"age": 3}).status_code == 400
