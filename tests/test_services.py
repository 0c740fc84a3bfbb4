from __future__ import annotations

import mailbox
import shutil
import smtplib
import socket
import time
from pathlib import Path

import pytest

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


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt install redis-server")
def test_each_cell_has_a_redis_database_of_its_own(tmp_path: Path) -> None:
    with Services(Processes(), tmp_path) as services:
        services.start(["redis"])
        first, second = (services.environment(["redis"], n)["WATCHDOG_REDIS"] for n in (1, 2))
        assert first != second
        port = int(first.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"SELECT 2000\r\nPING\r\n")
            assert client.recv(100).startswith(b"+OK")


def test_a_service_that_is_not_on_the_machine_is_not_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Services(Processes(), tmp_path) as services:
        services.start(["redis", "mongodb"])
        assert services.available(["redis", "mongodb"]) == ()
