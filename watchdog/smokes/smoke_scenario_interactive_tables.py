"""Interactive tables: a page with the table, and its rows as JSON, searched and sorted in pages."""

import os

from flask import Flask, render_template, request
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_sqlalchemy/extension.py:SQLAlchemy.init_app",
    "flask_sqlalchemy/extension.py:SQLAlchemy.create_all",
    "flask/templating.py:render_template",
]

FILES = {
    "base.html": "<html><head><title>{{ title }}</title></head><body>"
    "{% block content %}{% endblock %}{% block scripts %}{% endblock %}</body></html>",
    "server_table.html": """{% extends "base.html" %}
{% block content %}<table id="data"><thead><tr>
{%- for name in columns %}<th>{{ name|title }}</th>{% endfor %}</tr></thead></table>{% endblock %}
{% block scripts %}<script>
const settings = {{ {"ajax": url_for("data"), "columns": columns}|tojson }};
</script>{% endblock %}""",
    "basic_table.html": """{% extends "base.html" %}
{% block content %}<table>{% for user in users %}
<tr><td>{{ user.name }}</td><td>{{ user.age }}</td></tr>{% endfor %}</table>{% endblock %}""",
}
PEOPLE = [("Susan", 30), ("John", 41), ("<Ada>", 36), ("Joan", 25), ("Bob", 41), ("Zo\u00eb", 19)]


def create_app(name):
    os.makedirs("templates", exist_ok=True)
    for path, text in FILES.items():
        with open(os.path.join("templates", path), "w") as file:
            file.write(text)
    app = Flask(__name__, template_folder=os.path.abspath("templates"))
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy(app)

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64), index=True)
        age = db.Column(db.Integer, index=True)
        email = db.Column(db.String(120))

        def to_dict(self):
            return {"name": self.name, "age": self.age, "email": self.email}

    @app.route("/basic")
    def basic():
        users = User.query.order_by(User.id)
        return render_template("basic_table.html", title="Basic Table", users=users)

    @app.route("/")
    def index():
        return render_template(
            "server_table.html", title="Server-Driven Table", columns=["name", "age", "email"]
        )

    @app.route("/api/data")
    def data():
        query = User.query
        search = request.args.get("search")
        if search:
            query = query.filter(
                db.or_(User.name.like("%" + search + "%"), User.email.like("%" + search + "%"))
            )
        total_filtered = query.count()
        order = []
        for part in request.args.get("sort", "").split(","):
            if part[1:] in ("name", "age", "email"):
                column = getattr(User, part[1:])
                order.append(column.desc() if part[0] == "-" else column)
        query = query.order_by(*order) if order else query.order_by(User.id)
        start = request.args.get("start", type=int, default=0)
        length = request.args.get("length", type=int, default=10)
        users = query.offset(start).limit(length)
        return {"data": [user.to_dict() for user in users], "total": total_filtered}

    with app.app_context():
        db.create_all()
        for number, (who, age) in enumerate(PEOPLE):
            db.session.add(User(name=who, age=age, email="user%d@example.com" % number))
        db.session.commit()
    return app


def names(client, **query):
    found = client.get("/api/data", query_string=query).get_json()
    return found["total"], [user["name"] for user in found["data"]]


def test_pages():
    """The pages have the table, its rows escaped, and the settings for the browser in JSON"""
    client = create_app("pages").test_client()
    page = client.get("/basic").get_data(as_text=True)
    assert "<title>Basic Table</title>" in page and page.count("<tr>") == len(PEOPLE)
    assert "<tr><td>&lt;Ada&gt;</td><td>36</td></tr>" in page and "Zo\u00eb" in page
    page = client.get("/").get_data(as_text=True)
    assert "<th>Name</th><th>Age</th><th>Email</th>" in page
    assert '"ajax": "/api/data"' in page


def test_search():
    """The server searches names and addresses and counts what it found"""
    client = create_app("search").test_client()
    assert names(client, search="jo") == (2, ["John", "Joan"])
    assert names(client, search="user4@") == (1, ["Bob"])
    assert names(client, search="nobody") == (0, [])


def test_sort_and_pages():
    """The server sorts by several columns and gives out one page at a time"""
    client = create_app("sort").test_client()
    everybody = ["Bob", "John", "<Ada>", "Susan", "Joan", "Zo\u00eb"]
    assert names(client, sort="-age,+name") == (6, everybody)
    assert names(client, sort="-age,+name", start=2, length=2) == (6, ["<Ada>", "Susan"])
    assert names(client, start=4) == (6, ["Bob", "Zo\u00eb"])
