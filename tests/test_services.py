from __future__ import annotations

import mailbox
import smtplib
import time
from pathlib import Path

from watchdog.process import Processes
from watchdog.services import Services


def test_the_smtp_server_delivers_into_the_maildir_and_stops_with_the_run(tmp_path: Path) -> None:
    with Services(Processes(), tmp_path) as services:
        services.start(["smtp"])
        told = services.environment(["smtp"])
        host, port = told["WATCHDOG_SMTP"].split(":")
        with smtplib.SMTP(host, int(port), timeout=5) as client:
            client.sendmail("a@example.com", ["b@example.com"], "Subject: hello\n\nbody")
        box = mailbox.Maildir(told["WATCHDOG_MAILDIR"])
        deadline = time.monotonic() + 5
        while not len(box) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [message["subject"] for message in box] == ["hello"]
        box.close()
        process = services._running[0]
    assert process.returncode is not None


def test_only_what_runs_is_available(tmp_path: Path) -> None:
    with Services(Processes(), tmp_path) as services:
        assert services.available(["smtp"]) == ()
        services.start(["smtp"])
        assert services.available(["smtp", "mongodb"]) == ("smtp",)
        assert services.environment(["mongodb"]) == {}
