"""Flask-Swagger-UI: the Swagger UI of an API as a blueprint, as in its README."""

from flask import Flask, jsonify
from flask_swagger_ui import get_swaggerui_blueprint

SABOTAGE = [
    "flask_swagger_ui/flask_swagger_ui.py:get_swaggerui_blueprint",
    "flask_swagger_ui/flask_swagger_ui.py:get_swaggerui_blueprint.show",
]

SWAGGER_URL = "/api/docs"


def create_client(**options):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    blueprint = get_swaggerui_blueprint(SWAGGER_URL, "/swagger.json", **options)
    app.register_blueprint(blueprint, url_prefix=SWAGGER_URL)

    @app.route("/swagger.json")
    def swagger():
        return jsonify(swagger="2.0", paths={})

    return app.test_client()


def test_page():
    """The page names the application and points to its specification"""
    client = create_client(config={"app_name": "Test application", "docExpansion": "none"})
    response = client.get("/api/docs/")
    assert response.status_code == 200 and response.mimetype == "text/html"
    page = response.get_data(as_text=True)
    assert "<title>Test application</title>" in page
    assert '"url": "/swagger.json"' in page
    assert '"docExpansion": "none"' in page
    assert "http://localhost/api/docs/oauth2-redirect.html" in page
    assert client.get("/swagger.json").get_json() == {"swagger": "2.0", "paths": {}}


def test_files():
    """The scripts and styles that the page needs are served"""
    client = create_client()
    page = client.get("/api/docs/").get_data(as_text=True)
    for name, mimetype in (("swagger-ui.css", "css"), ("swagger-ui-bundle.js", "javascript")):
        assert "/api/docs/" + name in page
        response = client.get("/api/docs/" + name)
        assert response.status_code == 200 and mimetype in response.mimetype
        assert b"swagger-ui" in response.data
        response.close()
    assert client.get("/api/docs/nothing.js").status_code == 404


def test_oauth():
    """The configuration of OAuth reaches the page"""
    page = create_client(oauth_config={"clientId": "my-client"}).get("/api/docs/").data
    assert b"initOAuth" in page and b'"clientId": "my-client"' in page
    assert b"initOAuth" not in create_client().get("/api/docs/").data
