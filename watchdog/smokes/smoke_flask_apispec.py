"""flask-apispec: parsed arguments, marshalled results and Swagger pages for views and resources."""

import inspect

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask
from flask_apispec import FlaskApiSpec, MethodResource, doc, marshal_with, use_kwargs
from marshmallow import Schema, fields

SABOTAGE = [
    "flask_apispec/annotations.py:activate",
    "flask_apispec/wrapper.py:Wrapper.marshal_result",
    "flask_apispec/extension.py:FlaskApiSpec.register_existing_resources",
    "flask_apispec/apidoc.py:ResourceConverter.get_operations",
]

NEW = "location" in inspect.signature(use_kwargs).parameters  # since 0.9
QUERY = {"location": "query"} if NEW else {"locations": ["query"]}
PETS = {"rex": {"name": "rex", "size": 3, "secret": "x"}, "tom": {"name": "tom", "size": 1}}


class PetSchema(Schema):
    name = fields.Str()
    size = fields.Int()


class BriefPetSchema(Schema):
    class Meta:
        fields = ("name", "size")


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def add_views(app):
    @app.route("/pets")
    @doc(tags=["pets"], description="List pets")
    @use_kwargs({"name": fields.Str(), "size": fields.Int()}, **QUERY)
    @marshal_with(PetSchema(many=True))
    def get_pets(**kwargs):
        return [pet for pet in PETS.values() if kwargs.items() <= pet.items()]

    class PetResource(MethodResource):
        @marshal_with(PetSchema)
        def get(self, name):
            return PETS[name]

        @use_kwargs(PetSchema)
        @marshal_with(PetSchema, code=201)
        def put(self, name, size):
            return {"name": name, "size": size, "secret": "y"}, 201

    app.add_url_rule("/pets/<name>", view_func=PetResource.as_view("petresource"))
    return get_pets, PetResource


def test_views():
    """A view function gets its arguments and its result is marshalled"""
    app = create_app()
    add_views(app)
    client = app.test_client()
    assert client.get("/pets?size=3").get_json() == [{"name": "rex", "size": 3}]
    assert client.get("/pets?size=big").status_code == 422


def test_resources():
    """A resource gets its arguments and its result is marshalled"""
    app = create_app()
    add_views(app)
    client = app.test_client()
    assert client.get("/pets/rex").get_json() == {"name": "rex", "size": 3}
    response = client.put("/pets/bob", json={"size": 2})
    assert response.status_code == 201 and response.get_json() == {"name": "bob", "size": 2}


def test_brief_schema():
    """A schema that only names its fields, as the README's does, marshals a result"""
    app = create_app()

    app.add_url_rule("/pet", "pet", marshal_with(BriefPetSchema)(lambda: PETS["rex"]))
    assert app.test_client().get("/pet").get_json() == {"name": "rex", "size": 3}


def test_documentation():
    """Registered views and resources are in the specification; the Swagger page is served"""
    app = create_app()
    plugins = [MarshmallowPlugin()]
    spec = APISpec(title="pets", version="v1", openapi_version="2.0", plugins=plugins)
    app.config.update(APISPEC_SPEC=spec)
    views = add_views(app)
    docs = FlaskApiSpec(app)
    for view in views:
        docs.register(view)
    client = app.test_client()
    spec = client.get("/swagger/").get_json()
    assert spec["info"]["title"] == "pets"
    assert spec["paths"]["/pets"]["get"]["tags"] == ["pets"]
    assert "201" in spec["paths"]["/pets/{name}"]["put"]["responses"]
    assert spec["definitions"]["Pet"]["properties"]["size"]["type"] == "integer"
    assert b"/swagger/" in client.get("/swagger-ui/").data


def test_existing_resources():
    """All views of an application and its blueprints are documented at once"""
    app = create_app()
    add_views(app)
    shop = Blueprint("shop", __name__)

    @shop.route("/shop")
    @marshal_with(PetSchema)
    def offer():
        return PETS["tom"]

    app.register_blueprint(shop)
    FlaskApiSpec(app).register_existing_resources()
    spec = app.test_client().get("/swagger/").get_json()
    assert {"/pets", "/shop"} <= set(spec["paths"])
