from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.facts.errors import ErrorText, error_addresses, known_errors, normal_form
from watchdog.model.error_address import ErrorAddress

URL_DECODE = "ImportError: cannot import name 'url_decode' from 'werkzeug.urls'"


def address(title: str, *published: ErrorAddress, among: tuple[str, ...] = ()) -> str:
    """Return the address of a title."""
    texts = [ErrorText(title=t, symptom=t) for t in (title, *among)]
    return next(e.address for e in known_errors(texts, published) if e.title == title)


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        (URL_DECODE, "cannot-import-name-url_decode-from-werkzeug-urls"),
        ("KeyError: 'session'", "keyerror-session"),
        ("sqlalchemy.exc.ArgumentError: a b c", "a-b-c"),
        ("AttributeError: 'x' has no attribute '__version__'", "x-has-no-attribute-__version__"),
        ("word " * 30, "-".join(["word"] * 18)),
        ("“…”", None),
    ],
)
def test_address_words(title: str, wanted: str | None) -> None:
    """The address of an error is its message; short ones keep the class; it is never empty."""
    got = address(title)
    assert got == wanted if wanted else len(got) == 8


def test_same_words_get_different_addresses() -> None:
    """Two errors with the same words have two addresses."""
    one, other = "Error: no such a b", "a.B.CommandError: no such a b"
    assert len({address(one, among=(other,)), address(other, among=(one,))}) == 2


def test_published_address_stays() -> None:
    """An address that was published stays, whatever else has the same words later."""
    published = ErrorAddress(address="old", title=URL_DECODE)
    assert address(URL_DECODE, published) == "old"
    assert address("NameError: old", published) == "nameerror-old"


def test_one_error_for_machines() -> None:
    """Paths and addresses of objects do not make another error."""
    texts = [
        ErrorText(title=f"TypeError: x at {a} is bad", symptom=f"TypeError: x ({p}/y.py)")
        for a, p in (("0x7f01", "/usr/lib"), ("0x7fff", "/home/ada"))
    ]
    (error,) = known_errors(texts)
    assert len(error.forms) == 2


def test_withdrawn_and_moved() -> None:
    """An old address leads to the error of the same breakage, or is told to be withdrawn."""
    gone = ErrorAddress(address="gone", title="x y z")
    addresses = error_addresses(known_errors([ErrorText(title="a b c", symptom="a b c")]), [gone])
    assert addresses.withdrawn == (gone,)
    assert [new.address for new in addresses.new] == ["a-b-c"]


@given(st.text())
def test_normal_form_is_stable(text: str) -> None:
    """The normal form of a normal form is the same, whatever the text."""
    form = normal_form(text)
    assert normal_form(form) == form
