"""Flask-GraphQL: a schema served by a view, as in its README."""

from flask import Flask
from flask_graphql import GraphQLView
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
)

SABOTAGE = [
    "flask_graphql/graphqlview.py:GraphQLView.dispatch_request",
    "flask_graphql/graphqlview.py:GraphQLView.parse_body",
    "flask_graphql/graphqlview.py:GraphQLView.get_context",
    "flask_graphql/render_graphiql.py:render_graphiql",
]


def resolve_hello(root, info, name="world"):
    return "hello " + name


def resolve_agent(root, info):
    return info.context.headers["X-Agent"]


def resolve_fail(root, info):
    raise ValueError("it failed")


def create_client(**options):
    query = GraphQLObjectType(
        "Query",
        {
            "hello": GraphQLField(
                GraphQLString, args={"name": GraphQLArgument(GraphQLString)}, resolver=resolve_hello
            ),
            "agent": GraphQLField(GraphQLString, resolver=resolve_agent),
            "fail": GraphQLField(GraphQLNonNull(GraphQLString), resolver=resolve_fail),
        },
    )
    view = GraphQLView.as_view("graphql", schema=GraphQLSchema(query=query), **options)
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.add_url_rule("/graphql", view_func=view)
    return app.test_client()


def test_queries():
    """A query comes in the URL, as JSON, as a form or as GraphQL"""
    client = create_client()
    response = client.get("/graphql?query={hello}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.get_json() == {"data": {"hello": "hello world"}}
    body = {"query": "query q($n: String) {hello(name: $n)}", "variables": {"n": "ada"}}
    assert client.post("/graphql", json=body).get_json() == {"data": {"hello": "hello ada"}}
    query = '{hello(name: "bob")}'
    for options in ({"query": query}, None), (query, "application/graphql"):
        response = client.post("/graphql", data=options[0], content_type=options[1])
        assert response.get_json() == {"data": {"hello": "hello bob"}}


def test_context():
    """A resolver finds the request in its context"""
    client = create_client()
    response = client.get("/graphql?query={agent}", headers={"X-Agent": "smoke"})
    assert response.get_json() == {"data": {"agent": "smoke"}}


def test_errors():
    """A wrong query, no query and a failing resolver are answered with their errors"""
    client = create_client()
    response = client.get("/graphql?query={nothing}")
    assert response.status_code == 400
    assert "nothing" in response.get_json()["errors"][0]["message"]
    response = client.get("/graphql")
    assert response.status_code == 400
    assert response.get_json()["errors"][0]["message"] == "Must provide query string."
    assert client.put("/graphql").status_code == 405
    response = client.get("/graphql?query={fail}")
    assert response.get_json()["errors"][0]["message"] == "it failed"


def test_graphiql():
    """A browser gets the GraphiQL page with the query in it"""
    response = create_client(graphiql=True).get(
        "/graphql?query={hello}", headers={"Accept": "text/html"}
    )
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    page = response.get_data(as_text=True)
    assert "graphiql" in page.lower() and "hello world" in page


def test_batch():
    """Several queries are sent at once"""
    body = [{"id": 1, "query": "{hello}"}, {"id": 2, "query": '{hello(name: "ada")}'}]
    client = create_client(batch=True)
    answers = client.post("/graphql", json=body).get_json()
    assert [a["data"]["hello"] for a in answers] == ["hello world", "hello ada"]
