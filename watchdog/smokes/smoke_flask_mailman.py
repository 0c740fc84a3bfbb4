"""Flask-Mailman: messages delivered by a real SMTP server, or kept in an outbox under test."""

import mailbox
import os
import time
import unittest
import uuid

from flask import Flask
from flask_mailman import EmailMessage, EmailMultiAlternatives, Mail

SABOTAGE = [
    "flask_mailman/backends/smtp.py:EmailBackend._send",
    "flask_mailman/__init__.py:_MailMixin.get_connection",
    "flask_mailman/message.py:EmailMessage.attach",
    "flask_mailman/message.py:EmailMultiAlternatives.attach_alternative",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        MAIL_DEFAULT_SENDER="The Shop <shop@example.com>",
        **config,
    )
    return app, Mail(app)


def create_sending_app():
    """An application that sends by the SMTP server given, even when it is tested."""
    if not os.environ.get("WATCHDOG_SMTP") or not os.environ.get("WATCHDOG_MAILDIR"):
        raise unittest.SkipTest("needs an SMTP server (WATCHDOG_SMTP, WATCHDOG_MAILDIR)")
    host, _, port = os.environ["WATCHDOG_SMTP"].rpartition(":")
    return create_app(MAIL_BACKEND="smtp", MAIL_SERVER=host, MAIL_PORT=int(port), MAIL_TIMEOUT=5)


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
        message = EmailMessage(
            subject, "Gr\u00fc\u00dfe", to=["ada@example.com"], cc=["bob@example.com"]
        )
        return str(message.send())

    assert app.test_client().post("/order").data == b"1"
    (message,) = delivered([subject])
    assert message["From"] == "The Shop <shop@example.com>"
    assert message["To"] == "ada@example.com" and message["Cc"] == "bob@example.com"
    assert message.get_payload(decode=True).decode("utf-8").strip() == "Gr\u00fc\u00dfe"


def test_html_and_attachment():
    """A message with an HTML alternative and an attached file is delivered whole"""
    app, mail = create_sending_app()
    subject = "Invoice " + uuid.uuid4().hex
    with app.app_context():
        message = EmailMultiAlternatives(subject, "See the file.", to=["ada@example.com"])
        message.attach_alternative("<b>See the file.</b>", "text/html")
        message.attach("invoice.pdf", b"%PDF-\x00\xff", "application/pdf")
        assert message.send() == 1
    (received,) = delivered([subject])
    parts = {part.get_content_type(): part for part in received.walk()}
    assert parts["text/plain"].get_payload(decode=True).strip() == b"See the file."
    assert parts["text/html"].get_payload(decode=True).strip() == b"<b>See the file.</b>"
    assert parts["application/pdf"].get_filename() == "invoice.pdf"
    assert parts["application/pdf"].get_payload(decode=True) == b"%PDF-\x00\xff"


def test_bulk_delivery():
    """Several messages go by one connection"""
    app, mail = create_sending_app()
    subjects = ["News %d %s" % (number, uuid.uuid4().hex) for number in range(2)]
    with app.app_context():
        messages = [(subject, "news", None, ["ada@example.com"]) for subject in subjects]
        assert mail.send_mass_mail(messages) == 2
    assert [message["To"] for message in delivered(subjects)] == ["ada@example.com"] * 2


def test_outbox():
    """An application under test sends nothing, its messages are in an outbox"""
    app, mail = create_app(MAIL_SERVER="127.0.0.1", MAIL_PORT=1)
    with app.app_context():
        mail.send_mail("Hello", "Hi Ada", recipient_list=["ada@example.com"])
    outbox = app.extensions["mailman"].outbox
    assert [message.subject for message in outbox] == ["Hello"]
    assert outbox[0].recipients() == ["ada@example.com"] and outbox[0].body == "Hi Ada"
    assert outbox[0].from_email == "The Shop <shop@example.com>"
