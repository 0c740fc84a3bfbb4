"""An OAuth 2 and OpenID Connect provider on loopback, for smokes that log in.

It issues a code to every visitor (who always agrees), a token for the code (RFC 6749, 4.1), the
visitor's profile for the token, and an ID token signed with a shared key if the scope contains
`openid`. One client is registered: `my-id` with the secret `my-secret`. A program of its own.
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
"""How long a token is valid."""

_ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "introspection_endpoint": "/introspect",
    "jwks_uri": "/jwks",
}

_requests: dict[str, dict[str, str]] = {}
"""Authorization requests by the code that was issued for them."""

_scopes: dict[str, str] = {}
"""The scope of each token that was issued."""


def _encode(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(claims: dict[str, Any]) -> str:
    """Return the claims as a JSON Web Token (RFC 7519), signed with HMAC-SHA256."""
    text = _encode({"alg": "HS256", "kid": "1"}) + "." + _encode(claims)
    return text + "." + _encode(hmac.new(_KEY, text.encode(), hashlib.sha256).digest())


class OAuthProvider(BaseHTTPRequestHandler):
    """Answers one HTTP request to the provider."""

    @property
    def issuer(self) -> str:
        """The URL of this provider, as the client wrote it."""
        return f"http://{self.headers['Host']}"

    def do_GET(self) -> None:
        """Answer with the configuration, the keys, a code, or the profile of a token's visitor."""
        url = urlsplit(self.path)
        bearer = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        if url.path == "/.well-known/openid-configuration":
            metadata: dict[str, Any] = {name: self.issuer + p for name, p in _ENDPOINTS.items()}
            metadata["issuer"] = self.issuer
            metadata["id_token_signing_alg_values_supported"] = ["HS256"]
            self._answer(200, metadata)
        elif url.path == "/jwks":
            self._answer(200, {"keys": [{"kty": "oct", "kid": "1", "k": _encode(_KEY)}]})
        elif url.path == "/authorize":
            self._authorize(dict(parse_qsl(url.query)))
        elif bearer not in _scopes:
            self._answer(401, {"error": "invalid_token"})
        elif url.path == "/emails":
            self._answer(200, [{"email": PROFILE["email"], "primary": True}])
        else:
            self._answer(200, PROFILE)

    def _authorize(self, request: dict[str, str]) -> None:
        """Redirect back to the client with a code."""
        if request.get("client_id") != CLIENT[0] or request.get("response_type") != "code":
            self._answer(400, {"error": "invalid_request"})
            return
        code = secrets.token_urlsafe(12)
        _requests[code] = request
        answer = {"code": code}
        if "state" in request:
            answer["state"] = request["state"]
        self.send_response(302)
        self.send_header("Location", f"{request['redirect_uri']}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        """Answer the registered client with a token, or with what is known of one."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        form = dict(parse_qsl(body))
        if not self._knows_client(form):
            self._answer(401, {"error": "invalid_client"})
        elif urlsplit(self.path).path == "/introspect":
            scope = _scopes.get(form.get("token", ""))
            self._answer(200, {"active": scope is not None, "scope": scope or ""})
        else:
            self._issue_token(form)

    def _issue_token(self, form: dict[str, str]) -> None:
        """Answer with a token for a code, which is valid once."""
        request = _requests.pop(form.get("code", ""), None)
        if (
            request is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != request["redirect_uri"]
        ):
            self._answer(400, {"error": "invalid_grant"})
            return
        token, scope = secrets.token_urlsafe(12), request.get("scope", "")
        _scopes[token] = scope
        answer: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": _SECONDS,
        }
        if "openid" in scope.split():
            answer["id_token"] = _signed(self._claims(request))
        self._answer(200, answer)

    def _claims(self, request: dict[str, str]) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT[0], "iat": now, "exp": now + _SECONDS}
        if "nonce" in request:
            claims["nonce"] = request["nonce"]
        return claims | PROFILE

    def _knows_client(self, form: dict[str, str]) -> bool:
        """Return whether the client's id and secret are right, in the header or in the form."""
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
        """Log nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), OAuthProvider).serve_forever()
