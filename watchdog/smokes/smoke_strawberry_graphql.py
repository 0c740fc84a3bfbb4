"""Strawberry: a GraphQL API as a view of a Flask application."""

import typing

import flask
import strawberry
from strawberry.flask.views import AsyncGraphQLView, GraphQLView

SABOTAGE = [
    "strawberry/flask/views.py:GraphQLView.dispatch_request",
    "strawberry/schema/schema.py:Schema.execute_sync",
    "strawberry/types/field.py:StrawberryField.get_result",
]


@strawberry.type
class Book:
    title: str
    author: str


BOOKS = [Book(title="Notes", author="Ada")]


@strawberry.type
class Query:
    @strawberry.field
    def books(self, author: typing.Optional[str] = None) -> typing.List[Book]:
        return [book for book in BOOKS if author in (None, book.author)]

    @strawberry.field
    def agent(self, info: strawberry.Info) -> str:
        return info.context["request"].headers["User-Agent"]

    @strawberry.field
    def fails(self) -> str:
        raise ValueError("no such thing")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add_book(self, title: str) -> Book:
        return Book(title=title, author="new")


def create_client(view=GraphQLView):
    app = flask.Flask(__name__)
    schema = strawberry.Schema(query=Query, mutation=Mutation)
    app.add_url_rule("/graphql", view_func=view.as_view("graphql_view", schema=schema))
    return app.test_client()


def ask(query, client=None, **variables):
    client = client or create_client()
    sent = {"query": query, "variables": variables}
    response = client.post("/graphql", json=sent, headers={"User-Agent": "smoke"})
    assert response.status_code == 200, response.data
    return response.get_json()


def test_query():
    """A query with a variable is answered"""
    query = "query ($who: String) { books(author: $who) { title } }"
    assert ask(query, who="Ada") == {"data": {"books": [{"title": "Notes"}]}}
    assert ask(query, who="Bob") == {"data": {"books": []}}


def test_mutation():
    """A mutation is run and its result returned"""
    answer = ask('mutation { addBook(title: "Sums") { title author } }')
    assert answer == {"data": {"addBook": {"title": "Sums", "author": "new"}}}


def test_context():
    """A resolver sees Flask's request in its context"""
    assert ask("{ agent }") == {"data": {"agent": "smoke"}}


def test_errors():
    """What a resolver raises, and a field that is not there, are errors of the answer"""
    assert ask("{ fails }")["errors"][0]["message"] == "no such thing"
    assert "nothing" in ask("{ nothing }")["errors"][0]["message"]


def test_page():
    """A browser gets a page on which to type queries"""
    response = create_client().get("/graphql", headers={"Accept": "text/html"})
    assert response.status_code == 200 and b"<html" in response.data


def test_async_view():
    """The asynchronous view answers the same, with Flask's async support"""
    query = "{ books { author } }"
    answer = ask(query, create_client(AsyncGraphQLView))
    assert answer == {"data": {"books": [{"author": "Ada"}]}}
