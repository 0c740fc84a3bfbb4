from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.evidence import Failure, Frame
from watchdog.model.signature import normalise, signature, signature_id


def failure(message: str, *files: str, kind: str = "ImportError") -> Failure:
    return Failure(kind, message, tuple(Frame(f, "<module>", 1) for f in files))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "cannot import name 'url_decode' from 'werkzeug.urls' (/a/b/werkzeug/urls.py)",
            "cannot import name 'url_decode' from 'werkzeug.urls' (site-packages/werkzeug/urls.py)",
        ),
        (
            "module 'sqlalchemy' has no attribute '__all__'",
            "module 'sqlalchemy' has no attribute '__all__'. Did you mean: '__file__'?",
        ),
        ("<App object at 0x7f00aa11> has no x", "<App object at 0x7fffbb22> has no x"),
        ("cannot connect to 127.0.0.1:40001", "cannot connect to 127.0.0.1:51234"),
        ("cannot import name 'x' from 'y' (unknown location)", "cannot import name 'x' from 'y'"),
        (
            "get_headers() takes 1 positional argument but 3 were given",
            "_HTTPException.get_headers() takes 1 positional argument but 3 were given",
        ),
        (
            "make() missing 1 required argument: 'x'",
            "app.<locals>.Deep.make() missing 1 required argument: 'x'",
        ),
        (
            "['=================== 1 failed, 3 passed in 0.92s ===================']",
            "['================== 1 failed, 3 passed in 11.15s ==================']",
        ),
        ("bad file /tmp/fw-abc/c1/env/x.py", "bad file /var/lib/other/place/x.py"),
    ],
)
def test_signature_same_cause(one: str, other: str) -> None:
    """Messages with the same cause have the same signature on every machine and Python."""
    assert signature(failure(one)) == signature(failure(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "cannot import name 'url_decode' from 'werkzeug.urls'",
            "cannot import name 'url_quote' from 'werkzeug.urls'",
        ),
        ("module 'flask' has no attribute 'a'", "module 'flask' has no attribute 'b'"),
        ("=== 1 failed, 3 passed in 0.9s ===", "=== 2 failed, 2 passed in 0.9s ==="),
    ],
)
def test_signature_different_causes(one: str, other: str) -> None:
    """Messages with different causes have different signatures."""
    assert signature(failure(one)) != signature(failure(other))


def test_signature_names_deepest_package_frame() -> None:
    """The signature names the deepest frame that belongs to a package."""
    found = signature(
        failure("x", "smoke_a.py", "site-packages/flask_login/utils.py", "python/importlib/x.py")
    )
    assert found.endswith("@ flask_login/utils.py:<module>")


def test_signature_skips_comprehension_frames() -> None:
    """Frames of comprehensions, which newer Pythons do not have, are ignored."""
    frames = [
        Frame("smoke_a.py", "test_it", 1),
        Frame("site-packages/ext/core.py", "convert", 7),
        Frame("site-packages/ext/core.py", "<listcomp>", 8),
        Frame("site-packages/ext/core.py", "<dictcomp>", 8),
    ]
    old, new = (Failure("KeyError", "x", tuple(f)) for f in (frames, frames[:2]))
    assert signature(old) == signature(new) == "KeyError: x @ ext/core.py:convert"
    assert signature(Failure("KeyError", "x", tuple(frames[2:]))).endswith(":<dictcomp>")


@given(st.text(max_size=300))
def test_normalise_is_idempotent(text: str) -> None:
    """Normalising a text without slashes a second time changes nothing."""
    once = normalise(text)
    assert normalise(once) == once or "\\" in text or "/" in text


@given(st.text(max_size=100))
def test_signature_id_is_alphanumeric(text: str) -> None:
    """The id of a signature contains only letters and digits."""
    assert signature_id(text).isalnum()
