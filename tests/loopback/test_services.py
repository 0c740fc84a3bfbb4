from __future__ import annotations

import json
import mailbox
import shutil
import smtplib
import socket
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

from watchdog.sandbox.process import Processes
from watchdog.sandbox.services import Services


def test_smtp_service_delivers_and_stops(tmp_path: Path) -> None:
    """The SMTP server delivers into the maildir and stops with the run."""
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


def test_services_available_only_when_started(tmp_path: Path) -> None:
    """Only services that were started are available."""
    with Services(Processes(), tmp_path) as services:
        assert services.available(["smtp"]) == ()
        services.start(["smtp"])
        assert services.available(["smtp", "mongodb"]) == ("smtp",)
        assert services.environment(["mongodb"]) == {}


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt install redis-server")
def test_redis_database_per_cell(tmp_path: Path) -> None:
    """Each cell gets a Redis database of its own."""
    with Services(Processes(), tmp_path) as services:
        services.start(["redis"])
        first, second = (services.environment(["redis"], n)["WATCHDOG_REDIS"] for n in (1, 2))
        assert first != second
        port = int(first.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"SELECT 2000\r\nPING\r\n")
            assert client.recv(100).startswith(b"+OK")


def test_missing_service_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose program is not installed is not available."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with Services(Processes(), tmp_path) as services:
        services.start(["redis", "mongodb"])
        assert services.available(["redis", "mongodb"]) == ()


def test_oauth_provider_code_flow(tmp_path: Path) -> None:
    """The OAuth provider exchanges a code once, for the right client, and returns the profile."""

    def ask(path: str, form: dict[str, str] | None = None, token: str = "") -> Any:
        data = urlencode(form).encode() if form else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with urlopen(Request(url + path, data, headers), timeout=5) as response:
            return json.load(response)

    with Services(Processes(), tmp_path) as services:
        services.start(["oauth"])
        url = services.environment(["oauth"])["WATCHDOG_OAUTH"]
        told = ask("/.well-known/openid-configuration")
        assert told["issuer"] == url
        connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
        client = {"client_id": "my-id", "redirect_uri": "http://localhost/back"}
        visit = client | {"response_type": "code", "scope": "openid", "state": "s"}
        connection.request("GET", f"/authorize?{urlencode(visit)}")
        place, _, query = connection.getresponse().headers["Location"].partition("?")
        connection.close()
        answer = dict(parse_qsl(query))
        assert (place, answer["state"]) == ("http://localhost/back", "s")
        form = client | {"grant_type": "authorization_code", "code": answer["code"]}
        for wrong in ({"client_secret": "no"}, {"client_secret": "my-secret", "code": "no"}):
            with pytest.raises(HTTPError) as refused:
                ask("/token", form | wrong)
            refused.value.close()
        form["client_secret"] = "my-secret"
        given = ask("/token", form)
        assert given["id_token"].count(".") == 2
        assert ask("/user", token=given["access_token"])["login"] == "ada"
        with pytest.raises(HTTPError) as used:
            ask("/token", form)
        assert used.value.code == 400, "a code is good for once"
        used.value.close()
