"""Flask-Talisman: security headers on every response and HTTPS enforced."""

import re

from flask import Flask, render_template_string, session
from flask_talisman import ALLOW_FROM, Talisman

SABOTAGE = [
    "flask_talisman/talisman.py:Talisman._force_https",
    "flask_talisman/talisman.py:Talisman._set_content_security_policy_headers",
    "flask_talisman/talisman.py:Talisman._set_frame_options_headers",
    "flask_talisman/talisman.py:Talisman._make_nonce",
]

HTTPS = "https://localhost/"
PAGE = """<script nonce="{{ csp_nonce() }}">run()</script>"""


def create_app(**options):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    talisman = Talisman()
    talisman.init_app(app, **options)

    @app.route("/")
    def index():
        session["seen"] = True
        return render_template_string(PAGE)

    @app.route("/embeddable")
    @talisman(frame_options=ALLOW_FROM, frame_options_allow_from="https://example.com")
    def embeddable():
        return "in a frame"

    return app


def test_https_is_enforced():
    """A visitor with plain HTTP is sent to HTTPS"""
    client = create_app().test_client()
    response = client.get("/embeddable?a=1")
    assert response.status_code == 302
    assert response.headers["Location"] == "https://localhost/embeddable?a=1"
    assert client.get("/", base_url=HTTPS).status_code == 200
    client = create_app(force_https=False).test_client()
    assert client.get("/").status_code == 200


def test_default_headers():
    """Every response brings the security headers, and the session cookie is secure"""
    headers = create_app().test_client().get("/", base_url=HTTPS).headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31556926; includeSubDomains"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "Secure" in headers["Set-Cookie"]
    assert "HttpOnly" in headers["Set-Cookie"]


def test_content_security_policy_with_nonce():
    """A policy of one's own, whose scripts are allowed by a nonce new for each response"""
    policy = {"default-src": "'self'", "script-src": ["'self'", "cdn.example.com"]}
    app = create_app(
        content_security_policy=policy, content_security_policy_nonce_in=["script-src"]
    )
    nonces = []
    for _ in range(2):
        response = app.test_client().get("/", base_url=HTTPS)
        nonce = re.search('nonce="([^"]+)"', response.get_data(as_text=True)).group(1)
        sent = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in sent
        assert "script-src 'self' cdn.example.com 'nonce-%s'" % nonce in sent
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_view_options():
    """A single view may be embedded elsewhere"""
    client = create_app().test_client()
    headers = client.get("/embeddable", base_url=HTTPS).headers
    assert headers["X-Frame-Options"] == "ALLOW-FROM https://example.com"
    assert client.get("/", base_url=HTTPS).headers["X-Frame-Options"] == "SAMEORIGIN"
