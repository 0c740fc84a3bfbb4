"""Smokes keep their contract: short, self-contained, with titles and with functions to sabotage."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from smoke_files import FILES, MATRIX, SUBJECTS, file_of, functions_in, sabotage_of

# Longer than a quickstart, each for a reason: the core smoke tries a dozen things that every
# application uses; Authlib and Flask-OAuthlib are client and server; OpenID 2.0 needs a provider of
# its own; scenarios are whole applications, the book's is a book's; a tutorial's has all that its
# followers type, chapter by chapter; a server is started, and used from outside; of some extensions
# people use a dozen documented parts.
LONGEST = {
    "smoke_a2wsgi.py": 160,
    "smoke_apifairy.py": 155,
    "smoke_authlib.py": 170,
    "smoke_eventlet.py": 160,
    "smoke_flask.py": 240,
    "smoke_flask_admin.py": 240,
    "smoke_flask_caching.py": 205,
    "smoke_flask_jwt_extended.py": 230,
    "smoke_flask_dance.py": 150,
    "smoke_flask_limiter.py": 215,
    "smoke_flask_login.py": 205,
    "smoke_flask_oauthlib.py": 160,
    "smoke_flask_openid.py": 145,
    "smoke_flask_restful.py": 175,
    "smoke_flask_security_too.py": 145,
    "smoke_flask_sqlalchemy.py": 235,
    "smoke_flask_wtf.py": 250,
    "smoke_gevent.py": 170,
    "smoke_gunicorn.py": 170,
    "smoke_hypercorn.py": 170,
    "smoke_scenario_blog_series.py": 820,
    "smoke_scenario_book_application.py": 240,
    "smoke_scenario_celery.py": 155,
    "smoke_scenario_connexion_api.py": 355,
    "smoke_scenario_flaskr.py": 460,
    "smoke_scenario_mega_tutorial.py": 1160,
    "smoke_scenario_mega_tutorial_advanced.py": 960,
    "smoke_scenario_notes_application.py": 380,
    "smoke_scenario_oauth_login.py": 175,
    "smoke_scenario_realworld.py": 465,
    "smoke_scenario_restful_api.py": 155,
    "smoke_scenario_socketio_chat.py": 145,
    "smoke_scenario_user_logins.py": 160,
    "smoke_waitress.py": 160,
}


def test_every_subject_has_one_smoke() -> None:
    """Smoke files and subjects of the matrix correspond one to one."""
    assert {f.name for f in FILES} == {file_of(s).name for s in SUBJECTS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
class TestContract:
    def test_smoke_length_and_syntax(self, path: Path) -> None:
        """A smoke stays within its length limit and parses on the oldest Python."""
        text = path.read_text("utf-8")
        major, minor = (int(n) for n in MATRIX.python[0].split("."))
        ast.parse(text, feature_version=(major, minor))
        assert len(text.splitlines()) <= LONGEST.get(path.name, 136)

    def test_smoke_imports(self, path: Path) -> None:
        """A smoke imports neither the watchdog nor a test tool."""
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        allowed = {"pytest"} if path.name == "smoke_pytest_flask.py" else set()
        assert not (names & {"watchdog", "pytest", "conftest"}) - allowed

    def test_smoke_tests_have_titles_and_assertions(self, path: Path) -> None:
        """Each test of a smoke has a unique one-line docstring and checks something."""
        tests = functions_in(ast.parse(path.read_text("utf-8")))
        titles = [ast.get_docstring(t) or "" for t in tests]
        assert tests
        assert all(title and "\n" not in title.strip() for title in titles)
        assert len(set(titles)) == len(titles)
        for test in tests:
            kinds = (ast.Assert, ast.Raise, ast.With, ast.Call)
            assert any(isinstance(n, kinds) for n in ast.walk(test)), test.name

    def test_smoke_module_level_statements(self, path: Path) -> None:
        """At module level a smoke contains only imports, definitions and simple statements."""
        allowed = (
            ast.Import,
            ast.ImportFrom,
            ast.FunctionDef,
            ast.ClassDef,
            ast.Assign,
            ast.AugAssign,
            ast.Try,
            ast.If,
            ast.Expr,
        )
        for node in ast.parse(path.read_text("utf-8")).body:
            assert isinstance(node, allowed), ast.unparse(node)

    def test_smoke_names_sabotage_targets(self, path: Path) -> None:
        """A smoke names at least two central functions, each as file and function."""
        entries = sabotage_of(path)
        assert len(entries) >= 2
        assert all(e.count(":") == 1 and e.split(":")[0].endswith(".py") for e in entries)
