"""Functions Framework: a function becomes a Flask application, as Google's cloud runs it."""

import json
import logging

from functions_framework import create_app

SABOTAGE = [
    "functions_framework/__init__.py:create_app",
    "functions_framework/_function_registry.py:get_user_function",
    "functions_framework/__init__.py:http",
]

MAIN = """import flask
import functions_framework


@functions_framework.http
def hello(request: flask.Request):
    if request.method == 'POST':
        return {'got': request.get_json()}
    return 'Hello %s!' % request.args.get('name', 'world')


@functions_framework.cloud_event
def hello_event(event):
    print('event', event['id'], event.data['x'])


@functions_framework.errorhandler(ZeroDivisionError)
def handle(error):
    return 'divided by zero', 418


@functions_framework.http
def fails(request):
    return str(1 / 0)
"""


def client_of(target, kind="http"):
    with open("main.py", "w") as file:
        file.write(MAIN)
    logging.getLogger().handlers.clear()
    return create_app(target, "main.py", kind).test_client()


def test_http():
    """A function answers GET and POST"""
    client = client_of("hello")
    assert client.get("/?name=Ada").data == b"Hello Ada!"
    assert client.post("/", json={"a": 1}).get_json() == {"got": {"a": 1}}
    assert client.get("/any/path").status_code == 200


def test_cloud_event():
    """A CloudEvent reaches its function, what is none is refused"""
    client = client_of("hello_event", "cloudevent")
    headers = {"ce-id": "7", "ce-source": "//smoke", "ce-type": "t", "ce-specversion": "1.0"}
    sent = dict(data=json.dumps({"x": 1}), content_type="application/json")
    assert client.post("/", headers=headers, **sent).status_code == 200
    assert client.post("/", **sent).status_code == 400


def test_error_handler():
    """An error handler that is registered beside the function answers"""
    response = client_of("fails").get("/")
    assert (response.status_code, response.data) == (418, b"divided by zero")
