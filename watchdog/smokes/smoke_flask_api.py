"""Flask-API: a browsable notes API that answers in JSON or HTML, as in its quickstart."""

from flask import request, url_for
from flask_api import FlaskAPI, exceptions, status
from flask_api.decorators import set_renderers
from flask_api.renderers import HTMLRenderer

SABOTAGE = [
    "flask_api/request.py:APIRequest._parse",
    "flask_api/app.py:FlaskAPI.handle_api_exception",
    "flask_api/renderers.py:JSONRenderer.render",
    "flask_api/renderers.py:BrowsableAPIRenderer.render",
]


def create_app():
    app = FlaskAPI(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    notes = {0: "do the shopping"}

    def note_repr(key):
        return {"url": url_for("notes_detail", key=key), "text": notes[key]}

    @app.route("/", methods=["GET", "POST"])
    def notes_list():
        """List or create notes."""
        if request.method == "POST":
            key = max(notes) + 1
            notes[key] = str(request.data.get("text", ""))
            return note_repr(key), status.HTTP_201_CREATED
        return [note_repr(key) for key in sorted(notes)]

    @app.route("/<int:key>/", methods=["GET", "PUT", "DELETE"])
    def notes_detail(key):
        """Retrieve, update or delete a note."""
        if key not in notes:
            raise exceptions.NotFound("No note %d." % key)
        if request.method == "PUT":
            notes[key] = str(request.data.get("text", ""))
        elif request.method == "DELETE":
            del notes[key]
            return "", status.HTTP_204_NO_CONTENT
        return note_repr(key)

    @app.route("/plain/")
    @set_renderers(HTMLRenderer)
    def plain():
        return "<html>plain</html>"

    return app


def test_json():
    """A note sent as JSON is created, changed, read and deleted"""
    client = create_app().test_client()
    response = client.post("/", json={"text": "wash"})
    assert response.status_code == 201
    assert response.get_json() == {"url": "/1/", "text": "wash"}
    assert client.put("/1/", json={"text": "dry"}).get_json() == {"url": "/1/", "text": "dry"}
    response = client.get("/")
    assert response.headers["Content-Type"] == "application/json"
    assert [note["text"] for note in response.get_json()] == ["do the shopping", "dry"]
    assert client.delete("/1/").status_code == 204
    assert client.get("/1/").status_code == 404


def test_form():
    """A note sent as a form is in request.data too"""
    client = create_app().test_client()
    response = client.post("/", data={"text": "wash & dry"})
    assert response.status_code == 201
    assert response.get_json() == {"url": "/1/", "text": "wash & dry"}


def test_browsable():
    """A browser gets the same answer as a page that documents the view"""
    response = create_app().test_client().get("/", headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    page = response.get_data(as_text=True).replace("&nbsp;", " ")
    assert "<title>" in page and "List or create notes." in page
    assert "do the shopping" in page


def test_exceptions():
    """An API exception and a malformed body are answered with a message in JSON"""
    client = create_app().test_client()
    response = client.get("/9/")
    assert response.status_code == 404
    assert response.get_json() == {"message": "No note 9."}
    response = client.post("/", data="{", content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["message"].startswith("JSON parse error")


def test_set_renderers():
    """A view renders itself as HTML when told to"""
    response = create_app().test_client().get("/plain/")
    assert response.data == b"<html>plain</html>"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
