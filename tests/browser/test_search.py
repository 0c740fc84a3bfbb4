"""The search box in a real browser: every known error leads to its page, every format is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dependency_formats import FORMATS
from home import ROOT, Home
from packaging.requirements import Requirement

from watchdog.facts.errors import ErrorText, error_texts, normal_form
from watchdog.facts.titles import clean
from watchdog.facts.tracebacks import LoggedException, logged_exceptions
from watchdog.matrix.load import load_matrix
from watchdog.project.reader import read_project
from watchdog.report.content import Views, build_views
from watchdog.report.stored import StoredResults, load_stored
from watchdog.storage.ledger import Ledger

MATRIX = load_matrix(ROOT / "matrix.yaml")
STATIC = ROOT / "watchdog" / "report" / "static"


@pytest.fixture(scope="module")
def stored() -> StoredResults:
    """Return the tracked results."""
    return load_stored(MATRIX, Ledger(ROOT / "reports"), ROOT / "reports")


@pytest.fixture(scope="module")
def views(stored: StoredResults) -> Views:
    """Return what is shown of the tracked results."""
    return build_views(MATRIX, stored)


@pytest.fixture(scope="module")
def texts(stored: StoredResults, views: Views) -> list[ErrorText]:
    """Return every error text of the tracked results."""
    return list(error_texts(views.facts, stored.pins, stored.titles))


@pytest.fixture(scope="module")
def scripts(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open a page that holds the scripts which read and search; none of them may fail."""
    folder = tmp_path_factory.mktemp("search")
    names = ("toml.js", "search-formats.js", "search-errors.js")
    for name in names:
        (folder / name).write_bytes((STATIC / name).read_bytes())
    page = '<!doctype html><meta charset="utf-8">' + "".join(
        f'<script src="{name}"></script>' for name in names
    )
    (folder / "page.html").write_text(page, "utf-8")
    failures: list[str] = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.goto((folder / "page.html").as_uri())
    yield tab
    tab.close()
    assert failures == []


@pytest.fixture(scope="module")
def first(scripts: Any, views: Views) -> Callable[[str], str]:
    """Return a function that returns the title of the error that is found first for a text."""
    data = [[v.address, v.title, v.forms, v.packages, "", 0, []] for v in views.error_pages]
    scripts.evaluate("rows => { window.WATCHDOG_SEARCH = { errors: rows, subjects: [] }; }", data)

    def find(text: str) -> str:
        found = scripts.evaluate(
            """text => SearchFormats.recognise(text).kind === "error"
               && SearchErrors.search(text).found.map(f => [f.error.title, f.rank])""",
            text,
        )
        best = [title for title, rank in found if rank >= found[0][1] - 1e-9]
        return "\n".join(map(clean, best))

    return find


def traceback_of(exception: LoggedException) -> str:
    """Return the traceback of an exception as on a user's machine."""
    lines = ["Traceback (most recent call last):"]
    for frame in exception.frames:
        where = f"/home/ada/.venv/lib/python3.12/{frame.file}"
        lines += [f'  File "{where}", line 12, in {frame.function}', f"    {frame.code}"]
    return "\n".join([*lines, exception.text])


def test_normal_forms(scripts: Any, texts: list[ErrorText]) -> None:
    """The browser makes the same normal forms as Python."""
    odd = ["E   KeyError: “x” at 0x7fF3", r"C:\Users\ada\venv\x.py:3: Error", "\t> a `b`  c"]
    every = [*odd, *(t.title for t in texts), *(t.symptom for t in texts)]
    assert scripts.evaluate("all => all.map(SearchErrors.normalForm)", every) == [
        normal_form(text) for text in every
    ]


def test_every_error_is_found(texts: list[ErrorText], first: Callable[[str], str]) -> None:
    """Each known error, pasted as it stands or as it is stored, leads to its page."""
    wrong = [
        (text.title, pasted)
        for text in texts
        for pasted in {text.title, text.symptom}
        if clean(text.title) not in first(pasted).split("\n")
    ]
    assert (wrong, len(texts) > 250) == ([], True)


def test_every_traceback_is_found(texts: list[ErrorText], first: Callable[[str], str]) -> None:
    """The whole traceback of each known error leads to its page."""
    pasted = {
        traceback_of(exception): clean(text.title)
        for text in texts
        for exception in logged_exceptions(text.log)
        if exception.frames and clean(exception.text) == clean(text.title)
    }
    wrong = [title for text, title in pasted.items() if title not in first(text).split("\n")]
    assert (wrong, len(pasted) > 100) == ([], True)


OWN_CODE = """Traceback (most recent call last):
  File "/home/ada/app.py", line 1, in <module>
    from flask import Flask, Markup
ImportError: cannot import name 'Markup' from 'flask' (/home/ada/venv/flask/__init__.py)
"""


@pytest.mark.parametrize(
    ("text", "exact", "found"),
    [
        ("No module named flask._compat", True, True),
        ("Message: No module named flask._compat, sorry", True, True),
        ("AttributeError: 'Flask' object has no attribute 'before_first_request'", False, True),
        ("ModuleNotFoundError: No module named 'pandas'", False, False),
        ("ValueError: not enough values to unpack (expected 2, got 1)", False, True),
        ("ImportError: cannot import name", False, False),
        ("\n".join(["INFO all is well"] * 5000 + [OWN_CODE]), True, True),
    ],
)
def test_only_the_same_error_is_sure(
    scripts: Any, first: Callable[[str], str], text: str, exact: bool, found: bool
) -> None:
    """An error with another name or number in it is no known one, wherever it stands."""
    first(text)  # loads the errors
    told = scripts.evaluate(
        "text => { const r = SearchErrors.search(text); return [r.isExact, r.found.length > 0]; }",
        text,
    )
    assert told == [exact, found]


READ = (
    "requirements.txt",
    "pyproject.toml",
    "poetry/pyproject.toml",
    "Pipfile",
    "Pipfile.lock",
)
PINS = ("flask==2.2.2", "Flask-Login[a,b]==0.6.1.post1", 'click_plugins==1; os_name == "nt"')


def parsed(scripts: Any, text: str) -> list[str]:
    """Return the requirements that the browser reads in a text."""
    read = scripts.evaluate("text => SearchFormats.recognise(text)", text)
    assert read["kind"] == "requirements", text
    return [str(Requirement(line)) for line in read["text"].splitlines()]


@pytest.mark.parametrize("name", READ)
def test_formats_agree(scripts: Any, name: str) -> None:
    """The same requirements in another format are read alike."""
    content = FORMATS[name](PINS)
    assert isinstance(content, str)
    assert parsed(scripts, content) == [str(Requirement(line)) for line in PINS]


LOCKS = {
    "uv.lock": """version = 1
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "flask" }]
[[package]]
name = "flask"
version = "3.0.0"
source = { registry = "https://index.invalid/simple" }
dependencies = [{ name = "click" }]
[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://index.invalid/simple" }
""",
    "poetry.lock": """[[package]]
name = "click"
version = "8.1.7"
optional = false
groups = ["main"]
[[package]]
name = "flask"
version = "3.0.0"
optional = false
groups = ["main"]
[metadata]
lock-version = "2.1"
content-hash = "x"
""",
    "pylock.toml": """lock-version = "1.0"
created-by = "x"
[[packages]]
name = "flask"
version = "3.0.0"
wheels = [{ path = "flask-3.0.0-py3-none-any.whl", hashes = { sha256 = "ab" } }]
[[packages]]
name = "click"
version = "8.1.7"
wheels = [{ path = "click-8.1.7-py3-none-any.whl", hashes = { sha256 = "ab" } }]
""",
}


@pytest.mark.parametrize("name", LOCKS)
def test_locks_agree(scripts: Any, name: str, tmp_path: Path) -> None:
    """Lock files are read as `check -r` reads them."""
    (tmp_path / name).write_text(LOCKS[name], "utf-8")
    requirements = read_project(tmp_path / name, environment={}).requirements
    assert sorted(parsed(scripts, LOCKS[name])) == sorted(requirements)
    assert len(requirements) == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Package    Version\n---------- -------\nFlask      3.0.0\nclick      8.1.7\n", "flask"),
        ('[{"name": "flask", "version": "3.0.0"}]', "flask"),
        ("$ pip install -U flask==3.0.0 'click<9'  && flask run", "flask"),
        ("python3 -m pip install --upgrade flask==3.0.0", "flask"),
        ("uv add flask==3.0.0", "flask"),
        ("pip install -r requirements.txt flask==3.0.0", "flask"),
        ("flask==3.0.0 \\\n    --hash=sha256:ab", "flask"),
    ],
)
def test_typed_and_listed(scripts: Any, text: str, wanted: str) -> None:
    """What pip prints and what people type is read as requirements."""
    read = scripts.evaluate("text => SearchFormats.recognise(text)", text)
    assert read["kind"] == "requirements"
    assert read["text"].lower().startswith(f"{wanted}==3.0.0")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("flask login", ["name", "flask-login"]),
        ("Flask  Login ", ["name", "flask-login"]),
        ("Flask 3.1", ["requirements", "flask==3.1.*"]),
        ("flask login 0.6.2", ["requirements", "flask-login==0.6.2"]),
        ("flask v3", ["requirements", "flask==3.*"]),
        ("something else", None),
        ("Internal Server Error", None),
        ("flask login fails with ImportError", None),
        ("3.1", None),
    ],
)
def test_names_with_blanks(scripts: Any, text: str, wanted: list[str] | None) -> None:
    """A name with blanks in place of hyphens is understood if it is one, also with a version."""
    read = scripts.evaluate(
        """text => {
            const read = SearchFormats.spoken(text, new Set(["flask", "flask-login"]));
            return read && [read.kind, read.text];
        }""",
        text,
    )
    assert read == wanted


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "nothing"),
        ("flask-login", "name"),
        ("KeyError: 'PROVIDE_AUTOMATIC_OPTIONS'", "error"),
        ("cannot import name 'url_quote' from 'werkzeug.urls'", "error"),
        ("{not json", "error"),
        ("[[package]\nname = broken", "error"),
    ],
)
def test_kinds(scripts: Any, text: str, kind: str) -> None:
    """Names and errors are told from requirements, and broken files do no harm."""
    assert scripts.evaluate("text => SearchFormats.recognise(text).kind", text) == kind


@pytest.mark.parametrize(
    "range_", ["^1.2", "^0.2.3", "^0", "~1.2", "~1", "1.*", ">=1,<2", "*", "^1.2.3rc1", ">=1 <2"]
)
def test_poetry_ranges(scripts: Any, range_: str, tmp_path: Path) -> None:
    """A range of Poetry means what `check -r` takes it for."""
    text = f'[tool.poetry.dependencies]\nflask = "{range_}"\n'
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    (wanted,) = read_project(tmp_path / "pyproject.toml", environment={}).requirements
    (got,) = parsed(scripts, text)
    assert Requirement(got).specifier == Requirement(wanted).specifier


# --- on the pages --------------------------------------------------------------------------------


@pytest.fixture
def opened(browser: Any, whole: Home) -> Iterator[Callable[[str], Any]]:
    """Opens a page of the site; no request may leave the folder, no script may fail."""
    asked: list[str] = []
    tabs = []

    def open_(name: str) -> Any:
        tab = browser.new_page()
        tabs.append(tab)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: asked.append(str(error)))
        tab.goto((whole.folder / "reports").as_uri() + "/" + name)
        return tab

    yield open_
    for tab in tabs:
        tab.close()
    assert all(url.startswith(("file:", "data:")) for url in asked), asked


def test_error_line_leads_to_cure(opened: Callable[[str], Any]) -> None:
    """An error that is typed on any page shows what to type, and Enter leads to its page."""
    tab = opened("subjects/ext-works.html")
    tab.keyboard.press("/")
    tab.keyboard.type("ImportError: cannot import name 'gone' from 'werkzeug'")
    tab.wait_for_selector("#answers pre.typed")
    assert "pip install" in tab.inner_text("#answers pre.typed >> nth=0")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/errors/**")
    assert "cannot import name 'gone'" in tab.inner_text("h1")


def test_own_code_gets_no_cure(opened: Callable[[str], Any]) -> None:
    """Where no package of an error is in the traceback, no other package's cure is shown."""
    tab = opened("index.html")
    text = "from werkzeug import gone\nImportError: cannot import name 'gone' from 'werkzeug'"
    tab.fill("#question", f'Traceback:\n  File "/home/ada/app.py", line 1, in <module>\n{text}')
    tab.get_by_text("is in your traceback").wait_for()
    assert tab.locator("#answers pre.typed").count() == 0


def test_name_leads_to_subject(opened: Callable[[str], Any]) -> None:
    """The name of a package leads to its page, with its state of today."""
    tab = opened("index.html")
    tab.fill("#question", "ext-import")
    tab.wait_for_selector("#answers a")
    assert tab.locator("#answers a").first.get_attribute("href") == "subjects/ext-import.html"


def test_words_of_a_title_lead_to_subject(opened: Callable[[str], Any]) -> None:
    """Words of a title, in any order, lead to the page of the package or tutorial."""
    tab = opened("index.html")
    tab.fill("#question", "import Ext")
    tab.wait_for_selector("#answers a")
    assert tab.locator("#answers a").first.get_attribute("href") == "subjects/ext-import.html"


def test_requirements_stand_in_address(opened: Callable[[str], Any]) -> None:
    """The link to an answer shows the same answer, with the same Python, on the page for it."""
    tab = opened("index.html")
    tab.fill("#question", "ext-import==1.0\nwerkzeug==3.0.0\n")
    tab.wait_for_selector("#choices:visible")
    newest = tab.locator("#python option").nth(1).inner_text()
    tab.select_option("#python", newest)
    tab.wait_for_function("document.getElementById('answer-link').href.includes('python=')")
    said = tab.inner_text("#answers")
    link = tab.get_attribute("#answer-link", "href")
    other = opened(str(link))
    other.wait_for_selector("#answers:visible")
    assert other.inner_text("#answers") == said
    assert "ext-import" in other.input_value("#question")


def test_markup_stays_text(opened: Callable[[str], Any]) -> None:
    """Markup in what is pasted is shown as text."""
    tab = opened("index.html")
    tab.fill("#question", "<img src=x onerror=alert(1)>Error: <b>x</b>")
    tab.wait_for_selector("#answers:visible")
    assert tab.locator("#answers img, #answers b").count() == 0


def test_without_scripts(browser: Any, whole: Home) -> None:
    """Without scripts the box is not shown, and a link leads to all errors."""
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((whole.folder / "reports" / "index.html").as_uri())
    assert not tab.is_visible("#search")
    tab.get_by_role("link", name="All error messages").click()
    assert "Error messages" in tab.inner_text("h1")
    context.close()
