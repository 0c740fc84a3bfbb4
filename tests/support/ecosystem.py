"""A small ecosystem of made-up packages with known outcomes, and the smokes that use them.

`flask` and `werkzeug` are a few lines each, so the right verdict on every package is known.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loopback_index import LoopbackIndex

from watchdog.environments.interpreters import find_interpreters
from watchdog.model.python_series import PYTHON_RELEASES, series_key
from watchdog.sandbox.process import Processes

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OLDER = [s for s in PYTHON_RELEASES if series_key("3.8") <= series_key(s) < series_key(PYTHON)][-1]
"""The Python before the one that runs the tests."""

START = datetime(2025, 10, 20, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """Return an instant of the made-up history, in days after its start."""
    return START + timedelta(days=number)


NOW = day(60)

# name: (code of its module, expected outcome on the newest core, stage, part of the symptom)
SUBJECTS: Mapping[str, tuple[str, str, str, str | None]] = {
    "ext-works": ("def use():\n    return 42\n", "works", "smoke", None),
    "ext-import": ("from werkzeug import gone\n", "broken", "import", "cannot import name 'gone'"),
    "ext-use": ("def use():\n    raise KeyError('lost')\n", "broken", "smoke", "KeyError: 'lost'"),
    "ext-hangs": (
        "import time\ndef use():\n    time.sleep(600)\n",
        "broken",
        "smoke",
        "Timeout: no result after",
    ),
    "ext-ignores-term": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def use():\n    while True:\n        time.sleep(1)\n",
        "broken",
        "smoke",
        "Timeout: no result after",
    ),
    "ext-crashes": (
        "import os, signal\ndef use():\n    os.kill(os.getpid(), signal.SIGSEGV)\n",
        "broken",
        "smoke",
        "SIGSEGV in test_use",
    ),
    "ext-exits": (
        "import os\ndef use():\n    os._exit(0)\n",
        "broken",
        "smoke",
        "exited with code 0 and no result",
    ),
    "ext-forges": (
        "import os\ndef use():\n"
        '    print(\'{"event": "test", "name": "test_use", "outcome": "passed"}\')\n'
        '    print(\'{"event": "end"}\', flush=True)\n'
        "    os._exit(0)\n",
        "broken",
        "smoke",
        "no result",
    ),
    "ext-eats-memory": (
        "def use():\n    held = []\n    while True:\n        held.append(bytearray(50_000_000))\n",
        "broken",
        "smoke",
        "MemoryError",
    ),
    "ext-floods": (
        "def use():\n    for _ in range(40):\n        print('x' * 100_000)\n    return 42\n",
        "works",
        "smoke",
        None,
    ),
    "ext-warns": (
        "import warnings\ndef use():\n"
        "    warnings.warn('old_name goes away in 2.0', DeprecationWarning, stacklevel=2)\n"
        "    return 42\n",
        "works",
        "smoke",
        None,
    ),
    "ext-wrong": ("def use():\n    return 41\n", "broken", "smoke", "assert"),
}

SMOKE = '''
"""{name}: used as its quickstart says."""

from {module} import use


def test_use():
    """It answers 42"""
    assert use() == 42
'''

CORE_SMOKE = '''
"""The made-up Flask."""

from flask import Flask


def test_app():
    """An application answers"""
    assert Flask("x").answer() == "hello"
'''


def werkzeug(number: int) -> dict[str, str]:
    """Return the files of a made-up Werkzeug; version 3 has removed `gone`."""
    gone = "" if number >= 3 else "gone = 1\n"
    return {"werkzeug.py": f"VERSION = {number}\n{gone}"}


FLASK = """
import contextlib
import werkzeug
session = {}
def render_template_string(text, **context):
    return text
class Config(dict):
    def __init__(self, root_path, defaults=None):
        dict.__init__(self, defaults or {})
class Blueprint:
    pass
class Response:
    status_code = 200
class Client:
    def get(self, path):
        return Response()
class Map:
    def iter_rules(self):
        return []
class Environment:
    filters, globals = {}, {}
class Flask:
    root_path, url_map, jinja_env = ".", Map(), Environment()
    def __init__(self, name):
        self.name, self.config = name, Config(".")
    def add_url_rule(self, *rule, **more):
        pass
    def test_client(self):
        return Client()
    @contextlib.contextmanager
    def test_request_context(self, *path, **more):
        yield
    def update_template_context(self, context):
        pass
    def answer(self):
        return "hello"
"""
"""As much of Flask as smokes use, the automatic one included."""


def flask(*, needs_gone: bool = False) -> dict[str, str]:
    """Return the files of a made-up Flask."""
    return {"flask.py": ("from werkzeug import gone\n" if needs_gone else "") + FLASK}


BACKEND = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'


def add_setuptools(index: LoopbackIndex) -> None:
    """Publish the setuptools that `python -m venv` installs with this Python."""
    for interpreter in find_interpreters([PYTHON], Processes()).values():
        if interpreter.setuptools:
            index.add("setuptools", interpreter.setuptools, day(0))


def begin(index: LoopbackIndex, folder: Path) -> None:
    """Publish a core that works and write its smoke, for tests with an index of their own."""
    add_setuptools(index)
    index.add("werkzeug", "3.0.0", day(0), files=werkzeug(3))
    index.add("flask", "3.0.0", day(1), files=flask(), requires=["werkzeug"])
    (folder / "smokes").mkdir()
    (folder / "smokes" / "smoke_flask.py").write_text(CORE_SMOKE, "utf-8")


def build(index: LoopbackIndex) -> None:
    """Publish the ecosystem: the core, then subjects that work, then what breaks them."""
    add_setuptools(index)
    index.add("werkzeug", "1.0.0", day(0), files=werkzeug(1))
    index.add("werkzeug", "2.0.0", day(1), files=werkzeug(2))
    index.add("flask", "1.0.0", day(1), files=flask(needs_gone=True), requires=["werkzeug>=1.0"])
    index.add("flask", "2.0.0", day(2), files=flask(), requires=["werkzeug>=2.0"])
    # Every subject worked when it was released, so its smoke can judge it. It breaks later, by a
    # release of a package that only it requires (ext-import: by a release of Werkzeug).
    for name, (code, *_) in SUBJECTS.items():
        module = name.replace("-", "_")
        good = "def use():\n    return 42\n"
        if name == "ext-import":
            index.add(name, "1.0", day(4), files={f"{module}.py": code + good}, requires=["flask"])
            continue
        index.add(f"{name}-core", "1.0", day(3), files={f"{module}_core.py": good})
        index.add(f"{name}-core", "2.0", day(32), files={f"{module}_core.py": code})
        use = f"import flask\nfrom {module}_core import use\n"
        needs = ["flask", f"{name}-core"]
        index.add(name, "1.0", day(4), files={f"{module}.py": use}, requires=needs)
    index.add(
        "ext-conflict",
        "1.0",
        day(4),
        files={"ext_conflict.py": "def use():\n    return 42\n"},
        requires=["flask", "werkzeug<3", "flask>=3"],
    )
    index.add_sdist(
        "ext-unbuildable",
        "1.0",
        day(4),
        {
            "pyproject.toml": BACKEND,
            "b.py": "raise RuntimeError('this never builds')\n",
            "PKG-INFO": "Metadata-Version: 1.0\nName: ext-unbuildable\nVersion: 1.0\n",
        },
    )
    index.add(
        "ext-no-smoke", "1.0", day(4), files={"ext_no_smoke.py": AUTOMATIC}, requires=["flask"]
    )
    # New releases of the core, which break some subjects.
    index.add("werkzeug", "3.0.0", day(30), files=werkzeug(3))
    index.add("flask", "3.0.0", day(31), files=flask(), requires=["werkzeug>=3.0"])
    # After the cutoff of the tests: one release of one extension.
    good = "import flask\ndef use():\n    return 42\n"
    index.add("ext-works", "1.0.1", day(62), files={"ext_works.py": good}, requires=["flask"])
    # Flaky: works only in an environment without links, in which the second attempt runs. A cell
    # leaves no files by which an attempt could recognize another.
    code = """
    import os
    def use():
        if not os.path.islink(__file__):
            return 42
        raise ConnectionError("not this time")
    """
    index.add(
        "ext-flaky",
        "1.0",
        day(4),
        files={"ext_flaky.py": textwrap.dedent(code)},
        requires=["flask"],
    )


AUTOMATIC = """
class Thing:
    def init_app(self, app):
        app.answer()
"""


def write_smokes(folder: Path) -> None:
    """Write the smokes of all subjects that have one."""
    for name in (*SUBJECTS, "ext-conflict", "ext-unbuildable", "ext-flaky"):
        module = name.replace("-", "_")
        text = SMOKE.format(name=name, module=module)
        (folder / f"smoke_{module}.py").write_text(text, encoding="utf-8")
    (folder / "smoke_flask.py").write_text(CORE_SMOKE, encoding="utf-8")


TABLES = f"""  today: {{}}
  grid:
    python: ["{PYTHON}"]
    flask: ["since 1.0"]
    werkzeug: [resolved, oldest-allowed]
    subjects: [ext-works, ext-strict]
"""
"""Tables of a matrix with a grid."""


def matrix_yaml(*, tables: str = "  today: {}\n", seconds: int = 4, extra: str = "") -> str:
    """Return the text of a matrix with all subjects."""
    names = (*SUBJECTS, "ext-conflict", "ext-unbuildable", "ext-flaky", "ext-no-smoke")
    lines = [f'python: ["{PYTHON}"]', f"limits: {{seconds: {seconds}, memory_mb: 1024}}"]
    lines += ["tables:", tables.rstrip("\n"), "extensions:"]
    lines += [f"  {name}: {{name: {name.title()}}}" for name in names]
    return "\n".join(lines) + "\n" + extra
