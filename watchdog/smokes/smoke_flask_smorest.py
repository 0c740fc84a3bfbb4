"""Flask-Smorest: validated arguments, shaped responses, pages, ETags and the OpenAPI pages."""

import inspect

import marshmallow as ma
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint, abort

SABOTAGE = [
    "flask_smorest/__init__.py:Api.register_blueprint",
    "flask_smorest/response.py:ResponseMixin.response",
    "flask_smorest/pagination.py:PaginationMixin._set_pagination_metadata",
    "flask_smorest/etag.py:EtagMixin._set_etag_in_response",
]

PETS = [{"id": number, "name": "pet %d" % number, "secret": "x"} for number in range(3)]


class PetSchema(ma.Schema):
    id = ma.fields.Int(dump_only=True)
    name = ma.fields.String(required=True)


class PetQueryArgsSchema(ma.Schema):
    name = ma.fields.String()
    limit = ma.fields.Int()


def answers(blp, status_code, schema):
    """The status code has been the first argument of response since 0.25."""
    new = "status_code" in inspect.signature(blp.response).parameters
    return blp.response(status_code, schema) if new else blp.response(schema, code=status_code)


def create_client():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(API_TITLE="My API", API_VERSION="v1", OPENAPI_VERSION="3.0.2")
    app.config.update(OPENAPI_URL_PREFIX="/", OPENAPI_SWAGGER_UI_PATH="/swagger-ui")
    app.config.update(OPENAPI_SWAGGER_UI_URL="https://cdn.example/swagger-ui-dist/")
    api = Api(app)
    blp = Blueprint("pets", "pets", url_prefix="/pets", description="Operations on pets")

    @blp.route("/")
    class Pets(MethodView):
        @blp.arguments(PetQueryArgsSchema, location="query")
        @answers(blp, 200, PetSchema(many=True))
        def get(self, args):
            return [p for p in PETS if p["name"] == args.get("name", p["name"])]

        @blp.arguments(PetSchema)
        @answers(blp, 201, PetSchema)
        def post(self, new_data):
            return dict(new_data, id=7, secret="y")

    @blp.route("/<int:pet_id>")
    @blp.etag
    @answers(blp, 200, PetSchema)
    def get_pet(pet_id):
        if pet_id >= len(PETS):
            abort(404, message="Item not found.")
        return PETS[pet_id]

    @blp.route("/pages")
    @answers(blp, 200, PetSchema(many=True))
    @blp.paginate()
    def get_pages(pagination_parameters):
        pagination_parameters.item_count = len(PETS)
        return PETS[pagination_parameters.first_item : pagination_parameters.last_item + 1]

    api.register_blueprint(blp)
    return app.test_client()


def test_arguments_and_response():
    """A method view gets validated arguments and its result is shaped by a schema"""
    client = create_client()
    assert client.get("/pets/?name=pet+1").get_json() == [{"id": 1, "name": "pet 1"}]
    assert len(client.get("/pets/").get_json()) == 3
    response = client.post("/pets/", json={"name": "Rex"})
    assert response.status_code == 201 and response.get_json() == {"id": 7, "name": "Rex"}


def test_errors():
    """Bad arguments, broken JSON and abort are answered in JSON"""
    client = create_client()
    response = client.get("/pets/?limit=many")
    assert response.status_code == 422 and "limit" in str(response.get_json()["errors"])
    response = client.post("/pets/", json={})
    assert response.status_code == 422 and "name" in str(response.get_json()["errors"])
    response = client.post("/pets/", data="{", content_type="application/json")
    assert response.status_code in (400, 422) and response.get_json()["status"]
    response = client.get("/pets/9")
    assert response.status_code == 404 and response.get_json()["message"] == "Item not found."


def test_pagination():
    """A list is served in pages, counted in a header"""
    client = create_client()
    response = client.get("/pets/pages?page=2&page_size=2")
    assert response.get_json() == [{"id": 2, "name": "pet 2"}]
    assert '"total_pages": 2' in response.headers["X-Pagination"]


def test_etag():
    """A client that already has the answer is told that it did not change"""
    client = create_client()
    etag = client.get("/pets/1").headers["ETag"]
    assert client.get("/pets/1", headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/pets/2", headers={"If-None-Match": etag}).status_code == 200


def test_openapi():
    """The OpenAPI specification and the Swagger UI page are served"""
    client = create_client()
    spec = client.get("/openapi.json").get_json()
    assert set(spec["paths"]) == {"/pets/", "/pets/{pet_id}", "/pets/pages"}
    assert spec["components"]["schemas"]["Pet"]["required"] == ["name"]
    assert b"https://cdn.example/swagger-ui-dist/" in client.get("/swagger-ui").data
