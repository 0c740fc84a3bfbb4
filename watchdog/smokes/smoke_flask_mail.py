"""Flask-Mail as its documentation introduces it.

Messages are delivered by a real SMTP server, or kept in an outbox by an application under test.
"""

import mailbox
import os
import time
import unittest
import uuid

from flask import Flask, render_template_string
from flask_mail import Mail, Message

SABOTAGE = [
    "flask_mail/__init__.py:Connection.send",
    "flask_mail/__init__.py:Connection.configure_host",
    "flask_mail/__init__.py:Message.attach",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        MAIL_DEFAULT_SENDER=("The Shop", "shop@example.com"),
        **config,
    )
    mail = Mail()
    mail.init_app(app)
    return app, mail


def create_sending_app():
    """An application that sends by the SMTP server given, even when it is tested."""
    if not os.environ.get("WATCHDOG_SMTP") or not os.environ.get("WATCHDOG_MAILDIR"):
        raise unittest.SkipTest("needs an SMTP server (WATCHDOG_SMTP, WATCHDOG_MAILDIR)")
    host, _, port = os.environ["WATCHDOG_SMTP"].rpartition(":")
    return create_app(MAIL_SERVER=host, MAIL_PORT=int(port), MAIL_SUPPRESS_SEND=False)


def delivered(subjects):
    """The delivered messages with these subjects, in their order; waits at most 5 seconds."""
    deadline = time.monotonic() + 5
    while True:
        inbox = mailbox.Maildir(os.environ["WATCHDOG_MAILDIR"], create=False)
        found = {message["Subject"]: message for message in inbox}
        if all(subject in found for subject in subjects):
            return [found[subject] for subject in subjects]
        assert time.monotonic() < deadline, "not delivered within 5 seconds"
        time.sleep(0.05)


def test_delivery():
    """A message sent in a request is delivered by SMTP"""
    app, mail = create_sending_app()
    subject = "Order " + uuid.uuid4().hex

    @app.route("/order", methods=["POST"])
    def order():
        mail.send(Message(subject, recipients=["ada@example.com"], body="Gr\u00fc\u00dfe"))
        return "ordered"

    assert app.test_client().post("/order").data == b"ordered"
    (message,) = delivered([subject])
    assert "Shop" in message["From"] and message["From"].endswith(" <shop@example.com>")
    assert message["To"] == "ada@example.com"
    assert message.get_payload(decode=True).decode("utf-8").strip() == "Gr\u00fc\u00dfe"


def test_bulk_delivery():
    """Several messages, with copies, go by one connection"""
    app, mail = create_sending_app()
    subjects = ["News %d %s" % (number, uuid.uuid4().hex) for number in range(2)]
    with app.app_context(), mail.connect() as connection:
        for subject in subjects:
            message = Message(subject, recipients=["ada@example.com"], cc=["bob@example.com"])
            message.body = "news"
            connection.send(message)
    assert [message["Cc"] for message in delivered(subjects)] == ["bob@example.com"] * 2


def test_template_and_attachment():
    """A message with a rendered HTML part and an attached file is delivered whole"""
    app, mail = create_sending_app()
    subject = "Invoice " + uuid.uuid4().hex
    with app.app_context():
        message = Message(subject, recipients=[("Ada", "ada@example.com")], body="See the file.")
        message.html = render_template_string("<b>{{ name }}</b>", name="Ada & Bob")
        message.attach("invoice.pdf", "application/pdf", b"%PDF-\x00\xff")
        mail.send(message)
    (received,) = delivered([subject])
    parts = {part.get_content_type(): part for part in received.walk()}
    assert parts["text/plain"].get_payload(decode=True).strip() == b"See the file."
    assert parts["text/html"].get_payload(decode=True).strip() == b"<b>Ada &amp; Bob</b>"
    assert parts["application/pdf"].get_filename() == "invoice.pdf"
    assert parts["application/pdf"].get_payload(decode=True) == b"%PDF-\x00\xff"


def test_outbox():
    """An application under test sends nothing, and its messages are recorded in an outbox"""
    app, mail = create_app(MAIL_SERVER="127.0.0.1", MAIL_PORT=1)
    with app.app_context(), mail.record_messages() as outbox:
        mail.send_message(subject="Hello", recipients=["ada@example.com"], body="Hi Ada")
        assert [message.subject for message in outbox] == ["Hello"]
        assert outbox[0].send_to == {"ada@example.com"}
        assert "Hi Ada" in str(outbox[0])
