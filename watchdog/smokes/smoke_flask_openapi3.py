"""Flask-OpenAPI3: requests validated by the annotations of a view, and their documentation."""

from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import BaseModel, Field

try:
    from flask_openapi3 import Info, Tag
except ImportError:  # before 1.0
    from flask_openapi3.models import Info, Tag

SABOTAGE = [
    "flask_openapi3/request.py:_validate_body",
    "flask_openapi3/request.py:_validate_path",
    "flask_openapi3/openapi.py:OpenAPI.generate_spec_json",
    "flask_openapi3/openapi.py:OpenAPI.register_api",
]

BOOK_TAG = Tag(name="book", description="Some Book")


class BookPath(BaseModel):
    bid: int = Field(..., description="book id")


class BookQuery(BaseModel):
    age: int
    author: str = "anyone"


class BookBody(BaseModel):
    age: int = Field(..., ge=2, le=4)
    author: str = Field("anon", min_length=2, max_length=4)


class BookResponse(BaseModel):
    code: int = 0
    message: str = "ok"


def create_client():
    app = OpenAPI(__name__, info=Info(title="book API", version="1.0.0"))
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    api = APIBlueprint("library", __name__, url_prefix="/library")

    @app.get("/book", tags=[BOOK_TAG])
    def get_books(query: BookQuery):
        """get books
        to get all books
        """
        return {"code": 0, "data": [{"bid": 1, "age": query.age, "author": query.author}]}

    @app.post("/book", tags=[BOOK_TAG], responses={"200": BookResponse})
    def create_book(body: BookBody):
        return {"code": 0, "message": "%s is %d" % (body.author, body.age)}

    @app.put("/book/<int:bid>", tags=[BOOK_TAG])
    def update_book(path: BookPath, body: BookBody):
        return {"bid": path.bid, "age": body.age}

    @api.get("/shelf/<int:bid>")
    def get_shelf(path: BookPath):
        return {"shelf": path.bid}

    app.register_api(api)
    return app.test_client()


def test_request():
    """Query string, path and body reach the view as models"""
    client = create_client()
    response = client.get("/book?age=3&author=Ada")
    assert response.get_json() == {"code": 0, "data": [{"bid": 1, "age": 3, "author": "Ada"}]}
    response = client.post("/book", json={"age": 2, "author": "Bob"})
    assert response.get_json() == {"code": 0, "message": "Bob is 2"}
    response = client.put("/book/7", json={"age": 4})
    assert response.get_json() == {"bid": 7, "age": 4}


def test_blueprint():
    """The views of an API blueprint are served under its prefix"""
    client = create_client()
    assert client.get("/library/shelf/3").get_json() == {"shelf": 3}


def test_errors():
    """A request that does not fit is refused and the reason given"""
    client = create_client()
    response = client.get("/book?age=old")
    assert response.status_code == 422 and response.get_json()[0]["loc"] == ["age"]
    response = client.post("/book", json={"age": 9})
    assert response.status_code == 422 and response.get_json()[0]["loc"] == ["age"]


def test_documentation():
    """The OpenAPI specification and the documentation page are served"""
    client = create_client()
    spec = client.get("/openapi/openapi.json").get_json()
    assert spec["info"]["title"] == "book API"
    assert set(spec["paths"]) == {"/book", "/book/{bid}", "/library/shelf/{bid}"}
    assert spec["paths"]["/book"]["get"]["summary"] == "get books"
    assert spec["paths"]["/book"]["post"]["tags"] == ["book"]
    assert {"BookBody", "BookResponse"} <= set(spec["components"]["schemas"])
    page = client.get("/openapi/")
    assert page.status_code == 200 and b"<html" in page.data
