from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.facts.titles import LONGEST, title_of
from watchdog.facts.tracebacks import logged_exceptions
from watchdog.model.evidence import Stage

TITLES = {"test_use": "A thing is used.", "test_api": "A client uses the API"}
PROBE = """Traceback (most recent call last):
  File "watchdog/harness/probe.py", line 251, in test
    function()
"""


def ended(code: str, last: str, *, packages: str = "", test: str = "test_use") -> str:
    """Return the traceback of a test as the log of a smoke has it."""
    return f'{PROBE}  File "<cell>/smoke_x.py", line 7, in {test}\n    {code}\n{packages}{last}\n'


G_ARG = """  File "site-packages/flask_migrate/__init__.py", line 111, in wrapped
    f(*args, **kwargs)
  File "site-packages/flask_migrate/__init__.py", line 96, in get_config
    for x in g.x_arg:
             ^^^^^^^
  File "site-packages/flask/ctx.py", line 56, in __getattr__
    raise AttributeError(name) from None
"""
COMMAND_ERROR = """Error: No such template {template_path}
Traceback (most recent call last):
  File "site-packages/flask_migrate/__init__.py", line 111, in wrapped
    f(*args, **kwargs)
    ~^^^^^^^^^^^^^^^^^
  File "site-packages/alembic/command.py", line 71, in init
    raise util.CommandError("No such template {template_path}")
alembic.util.exc.CommandError: No such template {template_path}

During handling of the above exception, another exception occurred:

"""
WRAPPED = """  File "site-packages/flask_migrate/__init__.py", line 114, in wrapped
    sys.exit(1)
    ~~~~~~~~^^^
"""
VIEW_FAILED = """[2026-11-21 10:53:34,404] ERROR in app: Exception on /api/secret [GET]
Traceback (most recent call last):
  File "site-packages/connexion/decorators/main.py", line 132, in wrapper
    request = self.framework.get_request(uri_parser=self.uri_parser)
                                                    ^^^^^^^^^^^^^^^
  File "site-packages/werkzeug/local.py", line 508, in _get_current_object
    raise RuntimeError(unbound_message) from None
RuntimeError: Working outside of operation context.
"""
PANEL_DISABLED = """WARNING in toolbar: Disabled VersionDebugPanel due to ImportError:

Debugged import:

- 'flask_debugtoolbar.panels.versions' not found.

Original exception:

ModuleNotFoundError: No module named 'distutils'
"""
WORKER_OUTPUT = """Traceback (most recent call last):
  File "site-packages/celery/bootsteps.py", line 369, in start
    return self.obj.start()
  File "site-packages/kombu/transport/redis.py", line 306, in _client_registered
    (channel, client, cmd) in self._chan_to_sock)
TypeError: unhashable type: 'Redis'
"""
URLLIB = """  File "python/urllib/request.py", line 649, in http_error_default
    raise HTTPError(req.full_url, code, msg, hdrs, fp)
"""
SENDING = '  File "site-packages/flask_mail.py", line 3, in send\n    connect()\n'
IN_TESTING = """  File "site-packages/flask_testing/utils.py", line 314, in assertRedirects
    self.assertEqual(response.location, expected_location, message)
  File "python/unittest/case.py", line 675, in fail
    raise self.failureException(msg)
"""
NO_RESULT = "AssertionError: the worker has no result after 20 s"


@pytest.mark.parametrize(
    ("symptom", "log", "expected"),
    [
        # The exception, with its class, without paths and guesses.
        (
            "ImportError: cannot import name 'Markup' from 'flask' "
            "(site-packages/flask/__init__.py)",
            "",
            "ImportError: cannot import name 'Markup' from 'flask'",
        ),
        (
            "jinja2.exceptions.TemplateNotFound: apifairy/redoc.html",
            "",
            "jinja2.exceptions.TemplateNotFound: apifairy/redoc.html",
        ),
        (
            "AttributeError: module 'x' has no attribute 'y'. Did you mean: 'z'?",
            "",
            "AttributeError: module 'x' has no attribute 'y'",
        ),
        # A message that is a name only: the line that wanted it.
        (
            "AttributeError: x_arg",
            ended("migrate()", "AttributeError: x_arg", packages=G_ARG),
            "AttributeError: x_arg (flask_migrate: for x in g.x_arg)",
        ),
        ("AttributeError: x_arg", "", "AttributeError: x_arg"),
        (
            "KeyError: '<lambda>'",
            ended("run()", "KeyError: '<lambda>'", packages=G_ARG.replace("x_arg", "y")),
            "KeyError: '<lambda>' (flask: raise AttributeError(name) from None)",
        ),
        # A program that ended itself: what it handled before.
        (
            "SystemExit: 1",
            COMMAND_ERROR + ended("init()", "SystemExit: 1", packages=WRAPPED),
            "alembic.util.exc.CommandError: No such template {template_path}",
        ),
        (
            "SystemExit: 1",
            "Error: No such command 'db'.\n" + ended("init()", "SystemExit: 1", packages=WRAPPED),
            "Error: No such command 'db'.",
        ),
        (
            "SystemExit: 1",
            COMMAND_ERROR
            + ended("init()", "SystemExit: 1", packages=WRAPPED, test="test_other")
            + "[… 477 characters cut …]\n"
            + ended("init()", "SystemExit: 1", packages=WRAPPED),
            "alembic.util.exc.CommandError: No such template {template_path}",
        ),
        ("SystemExit: 1", "", "A thing is used: the program exits with 1"),
        # An assert: the exception behind it.
        (
            'AssertionError: assert client.get("/api/secret").status_code == 401',
            VIEW_FAILED + ended('assert client.get("/api/secret").status_code', "AssertionError"),
            "RuntimeError: Working outside of operation context.",
        ),
        (
            "AssertionError: assert panel in body (here panel is 'Versions', body is '<html>')",
            PANEL_DISABLED + ended("assert panel in body", "AssertionError"),
            "ModuleNotFoundError: No module named 'distutils'",
        ),
        (
            'AssertionError: assert [s.kind for s in spans] == ["SERVER"]',
            'DependencyConflict: requested: "flask < 3.0" but found: "flask 3.0.0"\n'
            + ended('assert [s.kind for s in spans] == ["SERVER"]', "AssertionError"),
            'DependencyConflict: requested: "flask < 3.0" but found: "flask 3.0.0"',
        ),
        (
            "AssertionError: site-packages/celery/platforms.py:800: RuntimeWarning: superuser",
            ended(
                'assert running, open("worker.log").read()',
                "AssertionError: site-packages/celery/platforms.py:800: RuntimeWarning: superuser",
            )
            + WORKER_OUTPUT,
            "TypeError: unhashable type: 'Redis'",
        ),
        # It is not of another test that ended before, unless that ended in the same words.
        (
            "AssertionError: assert a == 1 (here a is 2)",
            VIEW_FAILED
            + ended("assert other()", "AssertionError", test="test_other")
            + ended("assert a == 1", "AssertionError"),
            "A thing is used: a is 2, not 1",
        ),
        (
            NO_RESULT,
            WORKER_OUTPUT
            + ended("raise", NO_RESULT, test="test_other")
            + ended("raise", NO_RESULT),
            "TypeError: unhashable type: 'Redis'",
        ),
        # Its end was cut away: the only exception that was logged.
        (
            'AssertionError: assert response.status_code == 201 and response.json == {"id": 7}',
            VIEW_FAILED + "[… 9863 characters cut …]\n",
            "RuntimeError: Working outside of operation context.",
        ),
        (
            "AssertionError: assert a == 1 (here a is 2)",
            VIEW_FAILED + WORKER_OUTPUT,
            "A thing is used: a is 2, not 1",
        ),
        # The output of a program that the smoke ran.
        (
            "AssertionError: Error: --without-heartbeat option requires an argument",
            ended("assert running", "AssertionError: Error: --without-heartbeat option requires"),
            "Error: --without-heartbeat option requires an argument",
        ),
        (
            "AssertionError: (('db', 'migrate'), '', AttributeError(\"can't set attribute\"))",
            "",
            "AttributeError: can't set attribute",
        ),
        (
            "AssertionError: (('db', 'init'), 'Error: No such template {path}\\n', SystemExit(1))",
            "",
            "Error: No such template {path}",
        ),
        # Only the smoke noticed it: a sentence.
        (
            "AssertionError: assert response.status_code == 401 (here response.status_code is 200)",
            ended("assert response.status_code == 401", "AssertionError"),
            "A thing is used: response.status_code is 200, not 401",
        ),
        (
            'AssertionError: assert client.get("/token", headers=BEARER).data == b"the data"',
            "",
            "A thing is used: client.get('/token', headers=BEARER).data is not 'the data'",
        ),
        (
            'AssertionError: assert options["use_reloader"] is True (here it is False)',
            "",
            "A thing is used: options['use_reloader'] is False, not True",
        ),
        (
            'AssertionError: assert client.get("/").status_code == status (here status is 200)',
            "",
            "A thing is used: client.get('/').status_code is not 200",
        ),
        (
            "AssertionError: assert 'id=\"preview\"' in body (here body is '&lt;div class=')",
            "",
            "A thing is used: 'id=\"preview\"' is not in body",
        ),
        (
            'AssertionError: assert response.status_code == 200 and b"nvalid" in response.data',
            "",
            "A thing is used: response.status_code == 200 and 'nvalid' in response.data "
            "does not hold",
        ),
        # A response as bytes or text.
        (
            'AssertionError: b\'{"msg":"Subject must be a string"}\\n\'',
            "",
            "A thing is used: the answer is “Subject must be a string”",
        ),
        (
            'AssertionError: {"msg":"Subject must be a string"}',
            ended("assert x, text", 'AssertionError: {"msg":"Subject must be a string"}'),
            "A thing is used: the answer is “Subject must be a string”",
        ),
        (
            "AssertionError: b'<!DOCTYPE html>\\n<head>\\n<h1>Register</h1>\\n<fo",
            "",
            "A thing is used: the answer is the page “Register”",
        ),
        ("AssertionError: b'no'", "", "A thing is used: no"),
        (
            NO_RESULT,
            ended('raise AssertionError("the worker")', NO_RESULT),
            "A thing is used: the worker has no result after 20 s",
        ),
        # An assert of a package is one that a user sees.
        (
            "AssertionError: '/hello' != 'http://localhost/hello'",
            ended("run(Case())", "AssertionError: '/hello' != 'h'", packages=IN_TESTING),
            "AssertionError: '/hello' != 'http://localhost/hello'",
        ),
        # A client of the smoke that waited in vain, or was refused.
        (
            "urllib.error.HTTPError: HTTP Error 500: INTERNAL SERVER ERROR",
            WORKER_OUTPUT
            + ended(
                "urlopen(url)",
                "urllib.error.HTTPError: HTTP Error 500: INTERNAL SERVER ERROR",
                packages=URLLIB,
            ),
            "TypeError: unhashable type: 'Redis'",
        ),
        (
            "urllib.error.HTTPError: HTTP Error 500: INTERNAL SERVER ERROR",
            "",
            "A thing is used: the server answers 500 INTERNAL SERVER ERROR",
        ),
        (
            "TimeoutError: timed out",
            ended("urlopen(url)", "TimeoutError: timed out", packages=URLLIB),
            "A thing is used: there is no answer in time (TimeoutError: timed out)",
        ),
        (
            "TimeoutError: timed out",
            ended("mail.send()", "TimeoutError: timed out", packages=SENDING),
            "TimeoutError: timed out",
        ),
        (
            "IndexError: list index out of range",
            ended('assert ada.got()[-1]["args"] == ["t"]', "IndexError: list index out of range"),
            "A thing is used: ada.got()[-1]['args'] raises IndexError: list index out of range",
        ),
        (
            "IndexError: list index out of range",
            ended("use()", "IndexError: list index out of range", packages=SENDING),
            "IndexError: list index out of range",
        ),
        ("", "", ""),
    ],
)
def test_title_of_failed_test(symptom: str, log: str, expected: str) -> None:
    """The title is the exception that a user sees, or a sentence about the test."""
    assert title_of(symptom, test="test_use", test_titles=TITLES, log=log) == expected


def test_title_of_failures_outside_of_tests() -> None:
    """Builds and imports have their own line; a process that died has the test that it ran."""
    build = "src/greenlet.hpp:831:41: error: ‘_PyCFrame’ has no member named ‘use_tracing’"
    assert title_of(build, stage=Stage.INSTALL, log=VIEW_FAILED) == build
    missing = "ModuleNotFoundError: No module named 'yaml'"
    assert title_of(missing, stage=Stage.IMPORT) == missing
    timeout = "Timeout: no result after 60 s in test_api"
    assert title_of(timeout, test_titles=TITLES) == "A client uses the API: no result after 60 s"
    assert title_of(timeout) == "Api: no result after 60 s"
    assert title_of("Killed: the process was ended by SIGSEGV") == (
        "the process was ended by SIGSEGV"
    )


def test_title_without_docstring() -> None:
    """A test without a docstring is named by its function."""
    title = title_of("AssertionError: assert a == 1 (here a is 2)", test="test_a_thing")
    assert title == "A thing: a is 2, not 1"


@given(symptom=st.text(max_size=400), log=st.text(max_size=400))
def test_title_is_one_short_line(symptom: str, log: str) -> None:
    """Whatever a package prints, the title is one line of limited length."""
    title = title_of(symptom, test="test_use", test_titles=TITLES, log=log)
    assert len(title) <= LONGEST
    assert len(title.splitlines()) <= 1


@pytest.mark.parametrize(
    "text", ["-" * 3000 + "1", "(" * 3000, "[" * 3000, "b'\\\\xff", "a\\d == 1"]
)
def test_title_of_odd_texts(text: str, recwarn: pytest.WarningsRecorder) -> None:
    """A text that cannot be read as an expression is shown as it is, without a warning."""
    for symptom in (f"AssertionError: assert {text}", f"AssertionError: {text}"):
        assert title_of(symptom, test="test_use", test_titles=TITLES)
    assert not recwarn.list


def test_logged_exceptions() -> None:
    """Exceptions are read with their frames; an end that was cut away is none."""
    log = COMMAND_ERROR + ended("init()", "SystemExit: 1", packages=WRAPPED)
    printed, handled, own = logged_exceptions(
        log + VIEW_FAILED[:-60] + "\n[… 9 characters cut …]\nx"
    )
    assert printed.text == "Error: No such template {template_path}"
    assert (handled.frames[-1].package, handled.frames[-1].code) == (
        "alembic",
        'raise util.CommandError("No such template {template_path}")',
    )
    assert (own.cause, own.of_probe, own.ended("test_use")) == (handled, True, True)
