"""A custom response class: another default content type, JSON from dictionaries, own headers."""

from flask import Flask, Response, abort, jsonify, make_response, redirect

SABOTAGE = [
    "flask/app.py:Flask.make_response",
    "flask/json/provider.py:DefaultJSONProvider.response",
    "werkzeug/wrappers/response.py:Response.force_type",
]

DOCUMENT = '<?xml version="1.0"?><person><name>Ada</name></person>'


class PlainResponse(Response):
    default_mimetype = "text/plain"


class XMLResponse(Response):
    """Finds out by its text that it is XML, unless the view said what it is."""

    def __init__(self, response=None, status=None, headers=None, **kwargs):
        if "mimetype" not in kwargs and "content_type" not in kwargs:
            if isinstance(response, str) and response.startswith("<?xml"):
                kwargs["mimetype"] = "application/xml"
        super().__init__(response, status, headers, **kwargs)


class JSONResponse(Response):
    """Makes JSON of dictionaries (which Flask 1.1 and later do themselves)."""

    @classmethod
    def force_type(cls, response, environ=None):
        if isinstance(response, dict):
            response = jsonify(response)
        return super().force_type(response, environ)


def create_app(response_class):
    class MyFlask(Flask):
        pass

    MyFlask.response_class = response_class
    app = MyFlask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/text")
    def text():
        return "hello"

    @app.route("/html")
    def html():
        return make_response("<p>hello</p>", 200, {"Content-Type": "text/html"})

    @app.route("/xml")
    def xml():
        return DOCUMENT

    @app.route("/json")
    def json():
        return {"name": "Ada", "tags": ["x", "y"]}, 201, {"X-Extra": "yes"}

    @app.route("/redirect")
    def elsewhere():
        return redirect("/text")

    @app.route("/forbidden")
    def forbidden():
        abort(403)

    @app.after_request
    def name_class(response):
        response.headers["X-Class"] = type(response).__name__
        return response

    return app


def test_default_mimetype():
    """Text that a view returns gets the default content type of the class"""
    client = create_app(PlainResponse).test_client()
    assert client.get("/text").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert client.get("/text").data == b"hello"
    assert client.get("/html").headers["Content-Type"].startswith("text/html")
    assert create_app(Response).test_client().get("/text").mimetype == "text/html"


def test_constructor():
    """The constructor chooses the content type by the text of the response"""
    client = create_app(XMLResponse).test_client()
    response = client.get("/xml")
    assert response.mimetype == "application/xml"
    assert response.get_data(as_text=True) == DOCUMENT
    assert client.get("/text").mimetype == "text/html"
    assert client.get("/json").get_json()["name"] == "Ada"


def test_dictionaries():
    """A dictionary that a view returns becomes JSON, with its status and headers"""
    client = create_app(JSONResponse).test_client()
    response = client.get("/json")
    assert (response.status_code, response.mimetype) == (201, "application/json")
    assert response.headers["X-Extra"] == "yes"
    assert response.get_json() == {"name": "Ada", "tags": ["x", "y"]}


def test_every_response():
    """Redirects and errors are of the application's response class as well"""
    client = create_app(JSONResponse).test_client()
    statuses = {"/text": 200, "/json": 201, "/redirect": 302, "/forbidden": 403, "/none": 404}
    for path, status in statuses.items():
        response = client.get(path)
        assert (path, response.status_code) == (path, status)
        assert (path, response.headers["X-Class"]) == (path, "JSONResponse")
