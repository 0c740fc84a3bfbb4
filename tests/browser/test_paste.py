"""The paste box in a real browser: it says what Python says, and says it in words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from home import ROOT
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from rule_books import BOOK, CORE, CORE_22, CORE_38, PYTHONS

from watchdog.facts.advice import Offer, advise
from watchdog.facts.pasted import read_pasted
from watchdog.report.views.paste import paste_script

PAGE = """<!doctype html><meta charset="utf-8">
<form id="search" data-root=""></form>
<div id="answer"></div>
<script src="paste-data.js"></script>
<script src="paste-requirements.js"></script>
<script src="paste-answers.js"></script>
<script src="paste.js"></script>
"""
ANSWER = """(cases) => cases.map(([text, python]) => {
  const asked = PasteBox.read(text, python);
  const report = PasteBox.advise(asked.requests, python);
  const offer = (o) => o && [
    o.typed, o.worksOn, o.failsOn, o.replaces.map((r) => [r.name, r.has]), o.beside];
  return {
    subjects: report.subjects.map(({ answer, finding, reasons, offer: own, refused }) => [
      answer.subject, answer.version, answer.alarm, answer.worksOn, answer.failsOn,
      answer.rules.map((rule) => PasteBox.rules.indexOf(rule)), finding,
      reasons.map((r) => [r.words, r.symptom, r.page, r.pythons]), offer(own), refused]),
    together: offer(report.together), asked: report.asked, unavailable: report.unavailable,
    unread: asked.unread, names: [...asked.names.values()],
  };
})"""

SHOW = """([text, python, series]) => {
  const answer = document.getElementById("answer");
  answer.replaceChildren();
  PasteBox.show(answer, text, python, series);
}"""


@pytest.fixture(scope="module")
def box(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open a page with the paste box and the sample rule book; no script may fail."""
    folder = tmp_path_factory.mktemp("paste")
    (folder / "paste.html").write_text(PAGE, "utf-8")
    (folder / "paste-data.js").write_text(paste_script(BOOK), "utf-8")
    for script in (ROOT / "watchdog" / "report" / "static").glob("paste*.js"):
        (folder / script.name).write_bytes(script.read_bytes())
    errors: list[str] = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto((folder / "paste.html").as_uri())
    yield tab
    tab.close()
    assert errors == []


@pytest.fixture
def said(box: Any) -> Callable[..., str]:
    """Return a function that pastes a text and returns what the box says."""

    def paste(text: str, python: str | None = None, series: str | None = None) -> str:
        box.evaluate(SHOW, [text, python, series])
        return str(box.inner_text("#answer"))

    return paste


def answer(text: str, python: str | None) -> dict[str, Any]:
    """Return what Python says of a text, in the form of ANSWER."""
    pasted = read_pasted(text, PYTHONS, python)
    report = advise(BOOK, pasted.requests, python)

    def plain(offer: Offer | None) -> list[Any] | None:
        if offer is None:
            return None
        replaces = [[r.name, r.has] for r in offer.replaces]
        return [
            list(offer.typed),
            list(offer.works_on),
            list(offer.fails_on),
            replaces,
            list(offer.beside),
        ]

    return {
        "subjects": [
            [
                s.answer.subject,
                s.answer.version,
                s.answer.alarm,
                list(s.answer.works_on),
                list(s.answer.fails_on),
                [BOOK.rules.index(rule) for rule in s.answer.rules],
                s.finding.value,
                [[r.words, r.symptom, r.page, list(r.pythons)] for r in s.reasons],
                plain(s.offer),
                s.refused,
            ]
            for s in report.subjects
        ],
        "together": plain(report.together),
        "asked": report.asked,
        "unavailable": list(report.unavailable),
        "unread": list(pasted.unread),
        "names": list(pasted.names.values()),
    }


TEXTS = (
    "Flask==3.1.3",
    "flask-script\nflask-restful\nflask-jwt\nflask-sock\nflask-admin",
    "Flask>=2.0,<2.3",
    "Flask-Login<0.6.3",
    "Flask==3.1.0\nFlask-Login==0.6.2",
    "Flask==2.2.5\nFlask_Login == 0.6.2 # old",
    "flask==2.2.5\nwerkzeug==3.1.0",
    "flask-login==0.6.2\nflask-restful\nrequests==2.33",
    "apiflask==1.1.0\npyyaml",
    "flask-admin\nflask>=3",
    "-r other.txt\nflask @ https://example.org/x.whl\nflask==\n???\ngit+https://example.org/x",
    "flask[async]==2.2.5 --hash=sha256:ab \\\n    --hash=sha256:cd",
    'flask==2.2.5; python_version < "3.9"\nflask==3.1.3; python_version >= "3.9"',
    "flask; sys_platform == 'win32' or (python_version in '3.8 3.9' and os_name != 'nt')",
    "flask; 'linux' in sys_platform and extra == 'x'",
    'flask; os_name ~= "posix"',
    "flask===nonsense\nflask-login===0.6.2",
    "flask==3.1.0,<2\nflask-login>99",
    "flask (>=2.0, <2.3)\nflask-login~=0.6",
    "flask>=3.0rc1\nflask-login!=0.6.3\nwerkzeug==3.*",
    "<img src=x onerror=alert(1)>==1\na</script><b>==2",
    "",
)


def random_texts(count: int) -> Iterator[str]:
    """Yield parts of locks, some of them as ranges, and mixtures of subjects and versions."""
    draw = random.Random(22)  # noqa: S311  the same texts each time
    subjects = sorted(BOOK.subjects)
    for number in range(count):
        core = draw.choice([CORE, CORE_38, CORE_22])
        wanted = core | {s: draw.choice(BOOK.versions[s]) for s in draw.sample(subjects, 2)}
        names = draw.sample(sorted(wanted), draw.randint(1, len(wanted)))
        exact = 0.9 if number % 2 else 0.4
        lines = []
        for name in names:
            versions = BOOK.versions.get(name, ("1.0",))
            operator = "==" if draw.random() < exact else draw.choice(["<", "<=", ">=", "!=", "~="])
            version = wanted[name] if draw.random() < exact else draw.choice(versions)
            lines.append(name if draw.random() > 0.9 else f"{name}{operator}{version}")
        yield "\n".join(lines)


def test_box_says_what_python_says(box: Any) -> None:
    """The same texts are answered alike by Python and in the browser, for each Python and any."""
    draw = random.Random(1)  # noqa: S311  the same texts each time
    cases = [(text, python) for text in TEXTS for python in (None, "3.8", "3.13")]
    cases += [(text, draw.choice([None, None, *PYTHONS])) for text in random_texts(150)]
    expected = [answer(*case) for case in cases]
    assert sum(any(subject[2] for subject in e["subjects"]) for e in expected) > 40
    answers = box.evaluate(ANSWER, cases)
    for case, wanted, got in zip(cases, expected, answers, strict=True):
        assert got == wanted, case


VERSIONS = (
    *("1", "1.0", "1.0.0", "1.0.1", "1.1", "1!0.5", "2.0a1", "2.0b2", "2.0rc1", "2.0.dev1", "2.0"),
    *("2.0a1.dev2", "2.0.post1", "2.0.post1.dev3", "2.0-1", "2.0+local", "2.0+local.1", "2.0+2.a"),
    *("2.0.1", "2.10", "2.9", "3.0.0rc2", "v2.0", "2.0ALPHA3", "0", "02.00", "20240131123456789"),
)
OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "~=", "===")


def test_versions_are_compared_as_in_python(box: Any) -> None:
    """Versions and specifiers mean in the browser what they mean for an installer (PEP 440)."""
    pairs = [(one, other) for one in VERSIONS for other in VERSIONS]
    orders = box.evaluate(
        "pairs => pairs.map(([a, b]) => Math.sign(PasteBox.compare(a, b)))", pairs
    )
    assert orders == [(Version(a) > Version(b)) - (Version(a) < Version(b)) for a, b in pairs]
    ends = ("", ".*")
    asked = [(v, f"{o}{w}{end}") for v, w in pairs for o in OPERATORS for end in ends]
    answers = box.evaluate(
        """asked => asked.map(([version, text]) => {
            const spec = PasteBox.parseSpecifier(text);
            return spec && PasteBox.allows(spec, version);
        })""",
        asked,
    )
    wrong = [
        (version, text, got)
        for (version, text), got in zip(asked, answers, strict=True)
        if got != _allows(text, version)
    ]
    assert wrong == []


def _allows(text: str, version: str) -> bool | None:
    try:
        return SpecifierSet(text).contains(version, prereleases=True)
    except InvalidSpecifier:
        return None


def test_alarm_in_words(said: Callable[..., str]) -> None:
    """An alarm has severity, error, days, the whole line to type and what it replaces."""
    text = said("Flask==3.1.0\nFlask-Login==0.6.2")
    assert "Flask-Login 0.6.2 cannot be imported: ImportError: cannot import name" in text
    assert "seen from 30 Sep 2023 to 24 Oct 2023; run again on 28 Nov 2026" in text
    assert "fixed by Flask-Login 0.6.3" in text
    assert "works on Python 3.8, 3.9, 3.13" in text
    assert "\npip install flask-login==0.6.3\n" in text
    assert "replaces your Flask==3.1.0: the set that was run has Flask 3.1.3" in text
    assert "werkzeug<" not in text


def test_alarm_links(said: Callable[..., str], box: Any) -> None:
    """An alarm leads to the page of its breakage, a pin to the page of pins."""
    said("Flask==2.2.5\nFlask-Login==0.6.2\nflask-admin")
    links = box.eval_on_selector_all("#answer a", "all => all.map(a => a.getAttribute('href'))")
    assert "breakages/flask-login--2023-09-30.html" in links
    said("flask==2.2.5\nclick==8.3.0\nwerkzeug==3.0.6")
    links = box.eval_on_selector_all("#answer a", "all => all.map(a => a.getAttribute('href'))")
    assert links == ["pins.html"]


def test_unknown_in_words(said: Callable[..., str]) -> None:
    """Unknown is said as unknown, with how much is tested here."""
    text = said("flask-login==0.4.1\nflask==1.1.4\nrequests\nboto3")
    assert "These versions were not run here, and no known breakage matches" in text
    assert "2 of your 4 packages are tested here" in text
    assert "Not run in your versions" in text
    assert "Not tested here: requests, boto3" in text
    assert "No version that is known here fits: flask-login" in said("flask-login>99")


def test_python_in_words(said: Callable[..., str]) -> None:
    """A state that depends on the Python is no alarm, and one for the Python that is chosen."""
    text = said("flask-admin")
    assert "Depends on the Python" in text
    assert "flask-admin 2.2.1 works on Python 3.13, fails on Python 3.8, 3.9" in text
    assert "Known to fail" not in text
    assert "None of" not in text
    assert "Known to fail" in said("flask-admin", "3.9")
    assert "on Python 3.10 and later" in said("flask-jwt")


def test_unread_lines_in_words(said: Callable[..., str]) -> None:
    """Lines that could not be read are listed, and nothing is said about them."""
    text = said("-r other.txt\npkg @ https://example.org/x.whl\nflask\n???")
    assert "Nothing is said about these lines:" in text
    assert "-r other.txt\npkg @ https://example.org/x.whl\n???" in text
    alone = said("???")
    assert "No requirement was found in this text." in alone
    assert "None of" not in alone


def test_several_alarms_in_words(said: Callable[..., str]) -> None:
    """Several alarms get one line that was run, or are told not to have been run together."""
    one = said("Flask==2.2.5\nFlask-Login==0.6.2")
    assert "One set in which they all work" in one
    assert "pip install flask-login==0.6.3 flask==2.2.5 werkzeug==2.2.2" in one
    many = said("flask-login==0.6.2\nflask-restful")
    assert "their combination was not run" in many
    assert "flask-watchdog check -r requirements.txt" in many
    assert "pip install flask-restful 'werkzeug<2.1'" in many


def test_another_series_in_words(said: Callable[..., str]) -> None:
    """For another series of the framework it is said what breaks there, and what is replaced."""
    text = said("Flask==2.2.5\nFlask-Login==0.6.2\nwerkzeug==2.2.2", None, "3.1")
    assert "If you go to Flask 3.1.3: at least 1 package breaks" in text
    assert "werkzeug 3.1.9 instead of your ==2.2.2" in text
    assert "Flask-Login 0.6.2 cannot be imported" in text
    assert "no known breakage" in said("flask==2.2.5", None, "3.1")
    assert "Flask 1.1 was not run alone, or fails" in said("flask==2.2.5", None, "1.1")


def test_hostile_text_stays_text(said: Callable[..., str], box: Any) -> None:
    """Markup in errors and in what is pasted is shown as text."""
    assert "load JSON data </b>" in said("flask-restful")
    said("<img src=x onerror=alert(1)>==1\nflask<b>==2")
    assert box.locator("#answer img, #answer b").count() == 0
