"""Flask-Principal: an identity that lives in the session, its needs, and permissions on views."""

from collections import namedtuple
from functools import partial

from flask import Flask, current_app, g
from flask_principal import (
    AnonymousIdentity,
    Identity,
    Permission,
    PermissionDenied,
    Principal,
    RoleNeed,
    UserNeed,
    identity_changed,
    identity_loaded,
)

SABOTAGE = [
    "flask_principal.py:Principal.init_app",
    "flask_principal.py:IdentityContext.__enter__",
    "flask_principal.py:Permission.allows",
    "flask_principal.py:session_identity_saver",
]

ROLES = {"ada": ["admin"], "bob": []}
PostNeed = namedtuple("PostNeed", ["method", "value"])
EditPostNeed = partial(PostNeed, "edit")
admin_permission = Permission(RoleNeed("admin"))


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    Principal(app)

    @identity_loaded.connect_via(app)
    def on_identity_loaded(sender, identity):
        identity.provides.add(UserNeed(identity.id))
        for role in ROLES.get(identity.id, []):
            identity.provides.add(RoleNeed(role))
        if identity.id == "bob":
            identity.provides.add(EditPostNeed("7"))

    @app.route("/login/<name>", methods=["POST"])
    def login(name):
        identity_changed.send(current_app._get_current_object(), identity=Identity(name))
        return "in"

    @app.route("/logout", methods=["POST"])
    def logout():
        sender = current_app._get_current_object()
        identity_changed.send(sender, identity=AnonymousIdentity())
        return "out"

    @app.route("/whoami")
    def whoami():
        return str(g.identity.id)

    @app.route("/admin")
    @admin_permission.require(403)
    def admin():
        return "for admins"

    @app.route("/posts/<post_id>")
    def edit_post(post_id):
        with Permission(EditPostNeed(post_id)).require():
            return "editing " + post_id

    @app.errorhandler(PermissionDenied)
    def denied(error):
        return "denied", 401

    return app


def test_identity_in_session():
    """An identity is kept from request to request until it changes to the anonymous one."""
    client = create_app().test_client()
    assert client.get("/whoami").data == b"None"
    client.post("/login/ada")
    assert client.get("/whoami").data == b"ada"
    client.post("/logout")
    assert client.get("/whoami").data == b"None"


def test_role_protects_view():
    """A view that requires a role is open to those who have it and 403 to others."""
    client = create_app().test_client()
    assert client.get("/admin").status_code == 403
    client.post("/login/bob")
    assert client.get("/admin").status_code == 403
    client.post("/login/ada")
    assert client.get("/admin").data == b"for admins"


def test_granular_permission():
    """A permission on one post, as a context manager, raises PermissionDenied for the others."""
    client = create_app().test_client()
    client.post("/login/bob")
    assert client.get("/posts/7").data == b"editing 7"
    response = client.get("/posts/8")
    assert response.status_code == 401 and response.data == b"denied"
