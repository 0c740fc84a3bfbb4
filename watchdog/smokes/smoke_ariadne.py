"""Ariadne: a GraphQL API in a Flask application, as its documentation integrates it."""

import flask
from ariadne import MutationType, QueryType, graphql_sync, make_executable_schema
from ariadne.explorer import ExplorerGraphiQL

SABOTAGE = [
    "ariadne/graphql.py:graphql_sync",
    "ariadne/objects.py:ObjectType.field",
    "ariadne/executable_schema.py:make_executable_schema",
]

TYPES = """
type Query { hello: String!, fails: String }
type Mutation { add(a: Int!, b: Int!): Int! }
"""
query, mutation = QueryType(), MutationType()


@query.field("hello")
def resolve_hello(_, info):
    return "Hello, %s!" % info.context["request"].headers["User-Agent"]


@query.field("fails")
def resolve_fails(*_):
    raise ValueError("no such thing")


@mutation.field("add")
def resolve_add(_, info, a, b):
    return a + b


def create_client():
    app = flask.Flask(__name__)
    schema = make_executable_schema(TYPES, query, mutation)
    page = ExplorerGraphiQL().html(None)

    @app.route("/graphql", methods=["GET"])
    def graphql_explorer():
        return page, 200

    @app.route("/graphql", methods=["POST"])
    def graphql_server():
        context = {"request": flask.request}
        success, result = graphql_sync(
            schema, flask.request.get_json(), context_value=context, debug=app.debug
        )
        return flask.jsonify(result), 200 if success else 400

    return app.test_client()


def ask(text, **variables):
    sent = {"query": text, "variables": variables}
    response = create_client().post("/graphql", json=sent, headers={"User-Agent": "smoke"})
    return response.status_code, response.get_json()


def test_query():
    """A resolver answers, and sees Flask's request in its context"""
    assert ask("{ hello }") == (200, {"data": {"hello": "Hello, smoke!"}})


def test_mutation():
    """A mutation with variables is run"""
    text = "mutation ($a: Int!) { add(a: $a, b: 2) }"
    assert ask(text, a=40) == (200, {"data": {"add": 42}})


def test_errors():
    """What a resolver raises is an error of the answer, a wrong query has status 400"""
    status, answer = ask("{ fails }")
    assert (status, answer["data"]) == (200, {"fails": None})
    assert answer["errors"][0]["message"] == "no such thing"
    assert ask("{ nothing }")[0] == 400


def test_explorer():
    """The explorer's page is served"""
    assert b"GraphiQL" in create_client().get("/graphql").data
