"""httpbin: the application that tells clients what they sent, tried by test client and socket."""

import base64
import gzip
import json
import threading
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

from httpbin import app

SABOTAGE = [
    "httpbin/core.py:view_get",
    "httpbin/helpers.py:get_dict",
    "httpbin/helpers.py:check_basic_auth",
    "httpbin/helpers.py:status_code",
]


class Handler(WSGIRequestHandler):
    timeout = 5

    def log_message(self, *args):
        """Keep quiet."""


def create_client():
    app.config.update(TESTING=True)
    return app.test_client()


def test_echo():
    """It answers with the query, form, JSON and headers that it was sent"""
    client = create_client()
    got = client.get("/get?name=Ada&name=Bob", headers={"X-Shop": "yes"}).get_json()
    assert got["args"] == {"name": ["Ada", "Bob"]} and got["headers"]["X-Shop"] == "yes"
    assert got["url"] == "http://localhost/get?name=Ada&name=Bob"
    assert client.post("/post", data={"name": "Ada"}).get_json()["form"] == {"name": "Ada"}
    posted = client.post("/anything", json={"n": [1, 2]}).get_json()
    assert posted["json"] == {"n": [1, 2]} and posted["method"] == "POST"


def test_status():
    """It answers with the status, redirects and headers that are asked for"""
    client = create_client()
    for status in (204, 404, 503):
        assert client.get("/status/%d" % status).status_code == status
    assert b"teapot" in client.get("/status/418").data
    redirect = client.get("/redirect/1")
    assert redirect.status_code == 302 and redirect.headers["Location"].endswith("/get")
    assert client.get("/response-headers?X-Shop=open").headers["X-Shop"] == "open"


def test_auth_and_cookies():
    """It asks for a password and keeps cookies"""
    client = create_client()
    assert client.get("/basic-auth/ada/secret").status_code == 401
    for password, status in [("wrong", 401), ("secret", 200)]:
        login = base64.b64encode(("ada:" + password).encode()).decode()
        headers = {"Authorization": "Basic " + login}
        assert client.get("/basic-auth/ada/secret", headers=headers).status_code == status
    assert client.get("/cookies/set?flavour=plain").status_code == 302
    assert client.get("/cookies").get_json() == {"cookies": {"flavour": "plain"}}


def test_formats():
    """It answers with compressed, binary and streamed data"""
    client = create_client()
    assert json.loads(gzip.decompress(client.get("/gzip").data).decode())["gzipped"] is True
    assert client.get("/image/png").data.startswith(b"\x89PNG")
    lines = client.get("/stream/3").data.splitlines()
    assert [json.loads(line.decode())["id"] for line in lines] == [0, 1, 2]


def test_server():
    """It serves real requests"""
    server = make_server("127.0.0.1", 0, app, handler_class=Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = "http://127.0.0.1:%d/post" % server.server_port
        with urlopen(Request(url, data=b'{"a": 1}', method="POST"), timeout=5) as response:
            assert json.loads(response.read().decode())["url"] == url
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
