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
        ("bad file /tmp/fw-abc/c1/env/x.py", "bad file /var/lib/other/place/x.py"),
    ],
)
def test_one_cause_has_one_signature_on_every_machine(one: str, other: str) -> None:
    assert signature(failure(one)) == signature(failure(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "cannot import name 'url_decode' from 'werkzeug.urls'",
            "cannot import name 'url_quote' from 'werkzeug.urls'",
        ),
        ("module 'flask' has no attribute 'a'", "module 'flask' has no attribute 'b'"),
    ],
)
def test_two_causes_have_two_signatures(one: str, other: str) -> None:
    assert signature(failure(one)) != signature(failure(other))


def test_the_deepest_frame_in_a_package_tells_whose_code_raised() -> None:
    found = signature(
        failure("x", "smoke_a.py", "site-packages/flask_login/utils.py", "python/importlib/x.py")
    )
    assert found.endswith("@ flask_login/utils.py:<module>")


def test_a_comprehension_has_no_frame_on_some_pythons() -> None:
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
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once or "\\" in text or "/" in text


@given(st.text(max_size=100))
def test_a_short_name_is_fit_for_an_address(text: str) -> None:
    assert signature_id(text).isalnum()
