"""An OAuth 2 and OpenID Connect provider on loopback, for smokes that log in.

It gives a code to whoever comes (the visitor always agrees), a token for the code (RFC 6749, 4.1),
the visitor's profile for the token, and an ID token signed with a shared key where the scope asks
for `openid`. One client is registered: `my-id` with the secret `my-secret`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

CLIENT = ("my-id", "my-secret")
PROFILE = {"sub": "7", "login": "ada", "name": "ada", "email": "ada@example.com"}
_KEY = b"a shared key of at least 32 bytes"
_SECONDS = 99
_ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "introspection_endpoint": "/introspect",
    "jwks_uri": "/jwks",
}

_codes: dict[str, dict[str, str]] = {}
_tokens: dict[str, str] = {}


def _encode(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(claims: dict[str, Any]) -> str:
    """A JSON Web Token (RFC 7519) with HMAC-SHA256."""
    text = _encode({"alg": "HS256", "kid": "1"}) + "." + _encode(claims)
    return text + "." + _encode(hmac.new(_KEY, text.encode(), hashlib.sha256).digest())


class OAuthProvider(BaseHTTPRequestHandler):
    @property
    def issuer(self) -> str:
        return f"http://{self.headers['Host']}"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bearer = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        if url.path == "/.well-known/openid-configuration":
            told = {name: self.issuer + path for name, path in _ENDPOINTS.items()}
            told |= {"issuer": self.issuer}
            self._answer(200, told | {"id_token_signing_alg_values_supported": ["HS256"]})
        elif url.path == "/jwks":
            self._answer(200, {"keys": [{"kty": "oct", "kid": "1", "k": _encode(_KEY)}]})
        elif url.path == "/authorize":
            self._authorize(dict(parse_qsl(url.query)))
        elif bearer not in _tokens:
            self._answer(401, {"error": "invalid_token"})
        elif url.path == "/emails":
            self._answer(200, [{"email": PROFILE["email"], "primary": True}])
        else:
            self._answer(200, PROFILE)

    def _authorize(self, asked: dict[str, str]) -> None:
        if asked.get("client_id") != CLIENT[0] or asked.get("response_type") != "code":
            self._answer(400, {"error": "invalid_request"})
            return
        code = secrets.token_urlsafe(12)
        _codes[code] = asked
        answer = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        form = dict(parse_qsl(body))
        if not self._knows_client(form):
            self._answer(401, {"error": "invalid_client"})
        elif urlsplit(self.path).path == "/introspect":
            scope = _tokens.get(form.get("token", ""))
            self._answer(200, {"active": scope is not None, "scope": scope or ""})
        else:
            self._token(form)

    def _token(self, form: dict[str, str]) -> None:
        asked = _codes.pop(form.get("code", ""), None)
        good = asked is not None and form.get("grant_type") == "authorization_code"
        if asked is None or not good or form.get("redirect_uri") != asked["redirect_uri"]:
            self._answer(400, {"error": "invalid_grant"})
            return
        token, scope = secrets.token_urlsafe(12), asked.get("scope", "")
        _tokens[token] = scope
        given: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        given["expires_in"] = _SECONDS
        if "openid" in scope.split():
            now = int(time.time())
            claims = {"iss": self.issuer, "aud": CLIENT[0], "iat": now, "exp": now + _SECONDS}
            claims |= {"nonce": asked["nonce"]} if "nonce" in asked else {}
            given["id_token"] = _signed(claims | PROFILE)
        self._answer(200, given)

    def _knows_client(self, form: dict[str, str]) -> bool:
        basic = (self.headers["Authorization"] or "").removeprefix("Basic ")
        try:
            name, _, secret = base64.b64decode(basic).decode().partition(":")
        except ValueError:
            name, secret = "", ""
        sent = (form.get("client_id", ""), form.get("client_secret", ""))
        return CLIENT in ((unquote_plus(name), unquote_plus(secret)), sent)

    def _answer(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), OAuthProvider).serve_forever()
