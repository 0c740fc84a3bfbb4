"""Flask-Paginate: the links and the summary of a list shown in pages."""

from flask import Blueprint, Flask, render_template_string, request
from flask_paginate import Pagination, get_page_args, get_page_parameter

SABOTAGE = [
    "flask_paginate/__init__.py:get_page_args",
    "flask_paginate/__init__.py:Pagination.page_href",
    "flask_paginate/__init__.py:Pagination.links",
    "flask_paginate/__init__.py:Pagination.info",
]

TEMPLATE = """{{ pagination.info }}
<ul>{% for user in users %}<li>{{ user }}</li>{% endfor %}</ul>
{{ pagination.links }}"""
USERS = ["user-%02d" % number for number in range(1, 46)]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    teams = Blueprint("teams", __name__, url_prefix="/teams")

    @app.route("/")
    def index():
        page = request.args.get(get_page_parameter(), type=int, default=1)
        users = USERS[(page - 1) * 10 : page * 10]
        pagination = Pagination(page=page, total=len(USERS), record_name="users")
        return render_template_string(TEMPLATE, users=users, pagination=pagination)

    @app.route("/search")
    def search():
        page = request.args.get(get_page_parameter(), type=int, default=1)
        found = [user for user in USERS if request.args["q"] in user]
        pagination = Pagination(
            page=page, total=len(USERS), found=len(found), search=True, record_name="users"
        )
        return render_template_string(TEMPLATE, users=found[:10], pagination=pagination)

    @teams.route("/<name>/")
    def team(name):
        page, per_page, offset = get_page_args()
        pagination = Pagination(
            page=page, per_page=per_page, total=len(USERS), css_framework="foundation"
        )
        users = USERS[offset : offset + per_page]
        return render_template_string(TEMPLATE, users=users, pagination=pagination)

    app.register_blueprint(teams)
    return app


def get(path, **config):
    response = create_app(**config).test_client().get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_first_and_later_page():
    """A page links the other pages and says which records it shows"""
    body = get("/")
    assert "displaying <b>1 - 10</b> users in total <b>45</b>" in body
    assert 'href="/?page=2"' in body
    assert 'href="/?page=5"' in body
    body = get("/?page=5")
    assert "displaying <b>41 - 45</b> users in total <b>45</b>" in body
    assert "<li>user-45</li>" in body
    assert 'href="/?page=4"' in body
    assert 'href="/?page=6"' not in body


def test_search():
    """A search shows how many records it found, and keeps its words in the links"""
    body = get("/search?q=user-1")
    assert "found <b>10</b> users" in body
    body = get("/search?q=user")
    assert "found <b>45</b> users, displaying <b>1 - 10</b>" in body
    assert "q=user" in body
    assert "page=5" in body


def test_page_args():
    """Page and page size come from the query, in a blueprint's view with arguments"""
    body = get("/teams/blue/?page=2&per_page=20")
    assert "displaying <b>21 - 40</b> records in total <b>45</b>" in body
    assert "<li>user-21</li>" in body
    assert "<li>user-20</li>" not in body
    assert '<ul class="pagination' in body
    assert "/teams/blue/?" in body
    assert "page=3" in body
    assert "page=4" not in body


def test_per_page_setting():
    """The page size can be set in the configuration"""
    body = get("/teams/blue/", PER_PAGE=40)
    assert "displaying <b>1 - 40</b> records in total <b>45</b>" in body
    assert "<li>user-40</li>" in body
