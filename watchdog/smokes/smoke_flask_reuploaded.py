"""Flask-Reuploaded: sets of uploaded files, saved by name and extension and served again."""

import io
import os
import uuid

from flask import Flask, request
from flask_uploads import IMAGES, UploadNotAllowed, UploadSet, configure_uploads

SABOTAGE = [
    "flask_uploads/flask_uploads.py:configure_uploads",
    "flask_uploads/flask_uploads.py:UploadSet.save",
    "flask_uploads/flask_uploads.py:UploadSet.resolve_conflict",
    "flask_uploads/flask_uploads.py:uploaded_file",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config["UPLOADED_PHOTOS_DEST"] = os.path.abspath("photos-" + uuid.uuid4().hex)
    app.config["UPLOADS_AUTOSERVE"] = True
    app.config.update(config)
    photos = UploadSet("photos", IMAGES)
    configure_uploads(app, photos)

    @app.route("/upload", methods=["POST"])
    def upload():
        try:
            return photos.save(request.files["photo"], folder=request.form.get("folder"))
        except UploadNotAllowed:
            return "not allowed", 400

    @app.route("/url/<path:name>")
    def url(name):
        return photos.url(name)

    return app


def upload(client, name, content, **form):
    return client.post("/upload", data=dict(form, photo=(io.BytesIO(content), name)))


def test_save():
    """An uploaded file is saved in its set under a safe name"""
    app = create_app()
    response = upload(app.test_client(), "../My Cat.PNG", b"a cat")
    assert (response.status_code, response.data) == (200, b"My_Cat.png")
    with open(os.path.join(app.config["UPLOADED_PHOTOS_DEST"], "My_Cat.png"), "rb") as file:
        assert file.read() == b"a cat"


def test_conflict():
    """A second file of the same name gets a name of its own, as it does in a folder"""
    app = create_app()
    client = app.test_client()
    names = [upload(client, "cat.png", content).data for content in (b"one", b"two")]
    assert names == [b"cat.png", b"cat_1.png"]
    assert upload(client, "cat.png", b"three", folder="ada").data == b"ada/cat.png"
    assert sorted(os.listdir(app.config["UPLOADED_PHOTOS_DEST"])) == ["ada", "cat.png", "cat_1.png"]


def test_not_allowed():
    """A file of another type is refused, unless the configuration allows it"""
    refused = upload(create_app().test_client(), "run.exe", b"MZ")
    assert (refused.status_code, refused.data) == (400, b"not allowed")
    app = create_app(UPLOADED_PHOTOS_ALLOW=["exe"], UPLOADED_PHOTOS_DENY=["png"])
    assert upload(app.test_client(), "run.exe", b"MZ").data == b"run.exe"
    assert upload(app.test_client(), "cat.png", b"a cat").status_code == 400


def test_served():
    """An uploaded file is served at the URL the set gives"""
    client = create_app().test_client()
    upload(client, "cat.png", b"a cat")
    url = client.get("/url/cat.png").data
    assert url == b"http://localhost/_uploads/photos/cat.png"
    response = client.get("/_uploads/photos/cat.png")
    assert (response.data, response.mimetype) == (b"a cat", "image/png")
    response.close()
    assert client.get("/_uploads/photos/dog.png").status_code == 404
