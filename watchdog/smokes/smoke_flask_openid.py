"""Flask-OpenID: log in with an OpenID 2.0 provider on loopback."""

import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, redirect, request, session
from flask_openid import OpenID

SABOTAGE = [
    "flask_openid.py:OpenID.try_login",
    "flask_openid.py:OpenID.attach_reg_info",
    "flask_openid.py:OpenID.loginhandler",
    "flask_openid.py:OpenID.signal_error",
]

NAMESPACE = "http://specs.openid.net/auth/2.0"
PAGE = '<html><head><link rel="openid2.provider" href="%s/server"></head><body></body></html>'


class Provider(BaseHTTPRequestHandler):
    """Keeps no associations: it is asked to confirm each of its answers."""

    def do_GET(self):
        page = PAGE % ("http://127.0.0.1:%d" % self.server.server_port)
        known = self.path == "/ada"
        self.answer(200 if known else 404, "text/html", page if known else "nobody")

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if form["openid.mode"] == "check_authentication":
            valid = "true" if form["openid.sig"] == "c2ln" else "false"
            self.answer(200, "text/plain", "ns:%s\nis_valid:%s\n" % (NAMESPACE, valid))
        else:
            self.answer(400, "text/plain", "mode:error\nerror:not offered\n")

    def answer(self, status, content_type, text):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@contextmanager
def provider():
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % server.server_port
    finally:
        server.shutdown()
        server.server_close()


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(OPENID_FS_STORE_PATH=os.path.abspath("openid"))
    oid = OpenID(app)

    @app.route("/login", methods=["GET", "POST"])
    @oid.loginhandler
    def login():
        if request.method == "POST":
            openid = request.form["openid"]
            return oid.try_login(openid, ask_for=["email"], ask_for_optional=["fullname"])
        return "error: %s" % oid.fetch_error()

    @oid.after_login
    def after_login(response):
        session["user"] = "%s %s" % (response.identity_url, response.email)
        return redirect(oid.get_next_url())

    @app.route("/")
    def index():
        return session.get("user", "nobody")

    return app


def come_back(client, query, sig="c2ln"):
    """The part of the browser: come back from the provider with its positive answer."""
    answer = {
        "ns": NAMESPACE,
        "mode": "id_res",
        "op_endpoint": query["endpoint"],
        "claimed_id": query["openid.claimed_id"],
        "identity": query["openid.identity"],
        "return_to": query["openid.return_to"],
        "response_nonce": time.strftime("%Y-%m-%dT%H:%M:%SZada", time.gmtime()),
        "assoc_handle": "h",
        "ns.sreg": "http://openid.net/extensions/sreg/1.1",
        "sreg.email": "ada@example.com",
    }
    answer.update(signed=",".join(sorted(answer)), sig=sig)
    answer = urlencode({"openid." + name: value for name, value in answer.items()})
    return client.get(query["openid.return_to"] + "&" + answer)


def start(client, url):
    """Fill in the login form: the browser is sent to the provider."""
    response = client.post("/login?next=/", data={"openid": url + "/ada"})
    assert response.status_code == 302, response.data
    location, _, query = response.headers["Location"].partition("?")
    query = dict(parse_qsl(query), endpoint=location)
    assert location == url + "/server" and query["openid.mode"] == "checkid_setup"
    assert query["openid.claimed_id"] == url + "/ada"
    assert query["openid.sreg.required"] == "email"
    assert query["openid.sreg.optional"] == "fullname"
    return query


def test_login():
    """A visitor gives an OpenID, is sent to its provider and comes back logged in."""
    with provider() as url:
        client = create_app().test_client()
        response = come_back(client, start(client, url))
        assert urlsplit(response.headers["Location"]).path == "/", response.headers
        assert client.get("/").get_data(as_text=True) == url + "/ada ada@example.com"


def test_forged():
    """An answer that the provider does not confirm logs nobody in."""
    with provider() as url:
        client = create_app().test_client()
        come_back(client, start(client, url), sig="Zm9yZ2Vk")
        assert b"authentication failure" in client.get("/login").data
        assert client.get("/").data == b"nobody"


def test_invalid_openid():
    """An address that is no OpenID leads back to the form with an error."""
    with provider() as url:
        client = create_app().test_client()
        assert client.post("/login", data={"openid": url + "/eve"}).status_code == 302
        assert client.get("/login").data == b"error: The OpenID was invalid"
