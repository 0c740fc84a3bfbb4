"""Flask-Compress: responses compressed for the browsers that accept it."""

import gzip
import os
import zlib

from flask import Flask, jsonify, send_from_directory
from flask_compress import Compress

SABOTAGE = [
    "flask_compress/flask_compress.py:Compress.init_app",
    "flask_compress/flask_compress.py:Compress.after_request",
    "flask_compress/flask_compress.py:_choose_algorithm",
    "flask_compress/flask_compress.py:_compress_data",
]

PAGE = "<p>Many words, again and again.</p>\n" * 100


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    Compress(app)

    @app.route("/")
    def index():
        return PAGE

    @app.route("/small")
    def small():
        return "few words"

    @app.route("/data")
    def data():
        return jsonify(words=["again"] * 500)

    @app.route("/image")
    def image():
        return app.response_class(b"\0" * 5000, mimetype="image/png")

    @app.route("/files/<path:name>")
    def files(name):
        return send_from_directory(os.path.abspath("files"), name)

    return app


def get(path, accept, **config):
    client = create_app(**config).test_client()
    with client.get(path, headers={"Accept-Encoding": accept}) as response:
        assert response.status_code == 200
        return response.headers, response.data


def unpack(headers, data):
    unpackers = {"gzip": gzip.decompress, "deflate": zlib.decompress, "plain": bytes}
    return unpackers[headers.get("Content-Encoding", "plain")](data)


def test_page():
    """A page is sent compressed with gzip, and is the same when unpacked"""
    headers, data = get("/", "gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert "accept-encoding" in headers["Vary"].lower()
    assert int(headers["Content-Length"]) == len(data) < len(PAGE)
    assert unpack(headers, data) == PAGE.encode("ascii")


def test_json():
    """JSON is compressed too"""
    headers, data = get("/data", "gzip, deflate")
    assert headers["Content-Encoding"] in ("gzip", "deflate")
    assert b'"again"' in unpack(headers, data)


def test_not_compressed():
    """Plain for a browser that does not ask, for a small answer and for an image"""
    for path, accept in [("/", ""), ("/", "identity"), ("/small", "gzip"), ("/image", "gzip")]:
        headers, data = get(path, accept)
        assert "Content-Encoding" not in headers
        assert len(data) == {"/": len(PAGE), "/small": 9, "/image": 5000}[path]


def test_settings():
    """The settings choose types and smallest size"""
    config = dict(COMPRESS_MIMETYPES=["image/png"], COMPRESS_MIN_SIZE=100, COMPRESS_LEVEL=9)
    headers, data = get("/image", "gzip", **config)
    assert headers["Content-Encoding"] == "gzip"
    assert unpack(headers, data) == b"\0" * 5000
    headers, data = get("/", "gzip", **config)
    assert "Content-Encoding" not in headers


def test_file():
    """A file sent from the disk arrives as it is, whether it is compressed or not"""
    os.makedirs("files", exist_ok=True)
    with open(os.path.join("files", "style.css"), "w") as file:
        file.write("h1 { color: red }\n" * 200)
    headers, data = get("/files/style.css", "gzip, deflate")
    assert unpack(headers, data) == b"h1 { color: red }\n" * 200
