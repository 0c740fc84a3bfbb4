"""Flask-SeaSurf: a token in every form and AJAX request against cross-site request forgery."""

from flask import Flask, jsonify, render_template_string, request
from flask_seasurf import SeaSurf

SABOTAGE = [
    "flask_seasurf.py:SeaSurf.init_app",
    "flask_seasurf.py:SeaSurf._before_request",
    "flask_seasurf.py:SeaSurf._get_token",
    "flask_seasurf.py:SeaSurf._set_csrf_cookie",
]


def create_app():
    app = Flask(__name__)
    # SeaSurf does not validate while TESTING, unless it is told to
    app.config.update(TESTING=True, CSRF_DISABLE=False)
    app.config.update(SECRET_KEY="a secret key of at least 32 bytes")
    csrf = SeaSurf(app)

    @app.route("/")
    def index():
        return render_template_string("{{ csrf_token() }}")

    @app.route("/form", methods=["POST"])
    def form():
        return "hello " + request.form["name"]

    @app.route("/json", methods=["POST", "DELETE"])
    def json_view():
        return jsonify(method=request.method)

    @csrf.exempt
    @app.route("/webhook", methods=["POST"])
    def webhook():
        return "taken"

    return app


def test_form():
    """A form with the token of the page is accepted, one without or with a wrong one is not"""
    client = create_app().test_client()
    token = client.get("/").get_data(as_text=True)
    assert len(token) >= 32
    response = client.post("/form", data={"name": "ada", "_csrf_token": token})
    assert response.data == b"hello ada"
    assert client.post("/form", data={"name": "ada"}).status_code >= 400
    response = client.post("/form", data={"name": "ada", "_csrf_token": "x" * len(token)})
    assert response.status_code == 403


def test_header():
    """An AJAX request brings the token of the cookie in a header"""
    client = create_app().test_client()
    response = client.get("/")
    cookies = response.headers.getlist("Set-Cookie")
    (cookie,) = [text for text in cookies if text.startswith("_csrf_token=")]
    token = cookie.partition("=")[2].partition(";")[0]
    assert token == response.get_data(as_text=True)
    response = client.delete("/json", headers={"X-CSRFToken": token})
    assert response.get_json() == {"method": "DELETE"}
    assert client.delete("/json", headers={"X-CSRFToken": "x" * len(token)}).status_code == 403


def test_stranger():
    """The token of one visitor is not good for another"""
    app = create_app()
    token = app.test_client().get("/").get_data(as_text=True)
    other = app.test_client()
    assert other.get("/").get_data(as_text=True) != token
    assert other.post("/json", data={"_csrf_token": token}).status_code == 403


def test_referer():
    """Over HTTPS the request must come from the same site"""
    client = create_app().test_client()
    site = "https://localhost/"
    token = client.get("/", base_url=site).get_data(as_text=True)
    for referer, status in [(site, 200), ("https://evil.example/", 403)]:
        options = dict(base_url=site, headers={"Referer": referer})
        response = client.post("/json", data={"_csrf_token": token}, **options)
        assert response.status_code == status


def test_exempt():
    """An exempt view takes requests without a token"""
    assert create_app().test_client().post("/webhook").data == b"taken"
