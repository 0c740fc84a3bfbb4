"""Bolt for Slack: events and commands of Slack arrive at a Flask application, signed."""

import hashlib
import hmac
import json
import time
import urllib.parse

import flask
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult

SABOTAGE = [
    "slack_bolt/adapter/flask/handler.py:SlackRequestHandler.handle",
    "slack_bolt/app/app.py:App.dispatch",
    "slack_bolt/middleware/request_verification/request_verification.py"
    ":RequestVerification.process",
]

SECRET = "the secret of the application"


def authorize(**_):
    return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1", bot_user_id="U1")


def create_client():
    seen = []
    app = App(signing_secret=SECRET, authorize=authorize, process_before_response=True)

    @app.event("app_mention")
    def mentioned(event):
        seen.append(event["text"])

    @app.command("/echo")
    def echo(ack, command):
        ack("You said: " + command["text"])

    flask_app = flask.Flask(__name__)
    handler = SlackRequestHandler(app)

    @flask_app.route("/slack/events", methods=["POST"])
    def slack_events():
        return handler.handle(flask.request)

    return flask_app.test_client(), seen


def send(client, body, kind, secret=SECRET):
    stamp = str(int(time.time()))
    signed = hmac.new(secret.encode(), ("v0:%s:%s" % (stamp, body)).encode(), hashlib.sha256)
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": "v0=" + signed.hexdigest()}
    return client.post("/slack/events", data=body, content_type=kind, headers=headers)


def test_event():
    """An event reaches its listener"""
    client, seen = create_client()
    event = {"type": "app_mention", "text": "<@U1> hello", "user": "U2", "channel": "C1"}
    body = {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event": event}
    assert send(client, json.dumps(body), "application/json").status_code == 200
    assert seen == ["<@U1> hello"]


def test_command():
    """A slash command is acknowledged with a text"""
    client, _ = create_client()
    body = urllib.parse.urlencode({"command": "/echo", "text": "tea", "team_id": "T1"})
    response = send(client, body, "application/x-www-form-urlencoded")
    assert response.status_code == 200 and b"You said: tea" in response.data


def test_verification():
    """Slack's handshake is answered, and what has a wrong signature is refused"""
    client, _ = create_client()
    body = json.dumps({"type": "url_verification", "challenge": "abc"})
    assert b"abc" in send(client, body, "application/json").data
    assert send(client, body, "application/json", secret="wrong").status_code == 401
