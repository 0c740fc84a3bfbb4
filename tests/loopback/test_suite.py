"""`suite` and `suites`: made-up packages that bring tests, run with the real pytest."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import PYTHON, day
from home import Home
from installed import publish_installed
from loopback_index import LoopbackIndex
from suite_packages import GOOD, publish_suite

from watchdog.analysis.suite import runs
from watchdog.storage.suites import SUITES, read_suites

PASSES = "\n\ndef test_fine():\n    assert True\n"

SUITES_OF: dict[str, tuple[str, dict[str, str]]] = {
    # name: (what its dependency is from version 2.0 on, the files of its source distribution)
    "ext-same": (GOOD, {"tests/test_use.py": "from ext_same import use\n" + PASSES}),
    "ext-differs": (
        "def answer():\n    raise KeyError('lost')\n",
        {
            "tests/test_use.py": "from ext_differs import use\n"
            "def test_one():\n    assert use() == 42\n"
            "def test_two():\n    assert use() == 42\n" + PASSES,
            "tests/test_case.py": "import unittest\nfrom ext_differs import use\n"
            "class UseTest(unittest.TestCase):\n"
            "    def test_use(self):\n        self.assertEqual(use(), 42)\n",
        },
    ),
    "ext-gone": (
        "changed = 1\n",
        {
            "tests/test_import.py": "from part import answer\n"
            "def test_imported():\n    assert answer() == 42\n",
            "tests/test_other.py": "import ext_gone\n" + PASSES,
        },
    ),
    "ext-unsteady": (
        # Fails where it is linked from the store, passes where it is installed by uv.
        "import os\ndef answer():\n    return 41 if os.path.islink(__file__) else 42\n",
        {
            "tests/test_use.py": "from ext_unsteady import use\n"
            "def test_unsteady():\n    assert use() == 42\n" + PASSES
        },
    ),
    "ext-strict-suite": (
        "import warnings\ndef answer():\n"
        "    warnings.warn('old goes away', DeprecationWarning, stacklevel=2)\n    return 42\n",
        {
            "pytest.ini": "[pytest]\nfilterwarnings = error\naddopts = --cov=nothing\n",
            "tests/test_use.py": "from ext_strict_suite import use\n"
            "def test_use():\n    assert use() == 42\n"
            "def test_hidden():\n    try:\n        assert use() == 42\n"
            "    except DeprecationWarning:\n        assert False, 'an answer without cause'\n"
            + PASSES,
        },
    ),
    "ext-slow-suite": (
        "import time\ndef answer():\n    time.sleep(600)\n",
        {
            "tests/test_use.py": "from ext_slow_suite import use\n"
            "def test_slow():\n    assert use() == 42\n" + PASSES
        },
    ),
    "ext-crash-suite": (
        "import os\ndef answer():\n    os._exit(7)\n",
        {
            "tests/test_use.py": "from ext_crash_suite import use\n" + PASSES.strip() + "\n"
            "def test_crash():\n    assert use() == 42\n" + "def test_last():\n    assert True\n"
        },
    ),
    "ext-server": (
        GOOD,
        {
            "tests/test_use.py": "import socket\nfrom ext_server import use\n"
            "def test_server():\n    socket.create_connection(('127.0.0.1', 9), 1)\n"
        },
    ),
    "ext-tools": (
        GOOD,
        {
            "requirements-test.txt": "ext-unbuildable\nchatty-tool\n",
            "tests/test_use.py": "from ext_tools import use\n" + PASSES,
        },
    ),
    "ext-future-tool": (
        GOOD,
        {
            "requirements-test.txt": "old-tool>=9\n",
            "tests/test_use.py": "from ext_future_tool import use\n" + PASSES,
        },
    ),
    "ext-given": (
        GOOD,
        {
            "tests/test_use.py": "import given_tool\nfrom ext_given import use\n" + PASSES,
            "tests/test_other.py": "import nowhere\n" + PASSES,
        },
    ),
    "ext-old-tool": (
        GOOD,
        {
            "requirements-test.txt": "old-tool\n",
            "tests/test_use.py": "import old_tool\n"
            "def test_with_tool():\n    old_tool.check()\n" + PASSES,
        },
    ),
    "ext-no-tests": (GOOD, {"docs/conf.py": "def test_nothing():\n    pass\n"}),
}


@pytest.fixture(scope="module")
def packages() -> Iterator[LoopbackIndex]:
    """An index with a core, the real pytest, and packages that bring tests."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    publish_installed(index, "pytest", day(2))
    # Newer than all releases: it is no breakage of theirs.
    index.add("pytest", "99.0", day(40), files={"pytest.py": "raise ImportError('too new')\n"})
    for name, (later, files) in SUITES_OF.items():
        publish_suite(index, name, later, files)
    check = "def check():\n    from werkzeug import gone\n"
    index.add("old-tool", "1.0", day(3), files={"old_tool.py": check})
    # Its metadata can be made; its build fails after more output than a record keeps.
    backend = (
        "from pathlib import Path\n"
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        "    info = Path(folder, 'chatty_tool-1.0.dist-info')\n"
        "    info.mkdir()\n"
        "    text = 'Metadata-Version: 2.1\\nName: chatty-tool\\nVersion: 1.0\\n'\n"
        "    Path(info, 'METADATA').write_text(text)\n"
        "    return info.name\n"
        "def build_wheel(*args):\n"
        "    for number in range(2000):\n"
        "        print('warning', number, 'x' * 40)\n"
        "    raise RuntimeError('no')\n"
    )
    files = {
        "pyproject.toml": ecosystem.BACKEND,
        "b.py": backend,
        "PKG-INFO": "Name: chatty-tool\n",
    }
    index.add_sdist("chatty-tool", "1.0", day(3), files)
    inside = {
        "ext_inside/__init__.py": "def use():\n    return 42\n",
        "ext_inside/test/__init__.py": "",
        "ext_inside/test/plugin.py": "import ext_inside\n",
        "ext_inside/test/conftest.py": "import ext_inside\n",
        "ext_inside/test/test_use.py": PASSES,
    }
    index.add("ext-inside", "1.0", day(4), files=inside, requires=["flask"])
    settings = {"pytest.ini": "[pytest]\naddopts = -p ext_inside.test.plugin\n"}
    source = {**inside, **settings, "PKG-INFO": "Name: ext-inside\n"}
    index.add_sdist("ext-inside", "1.0", day(4), source)
    index.add("given-tool", "1.0", day(3), files={"given_tool.py": ""})
    index.add("ext-no-source", "1.0", day(4), requires=["flask"])
    yield index
    index.stop()


@pytest.fixture
def home(tmp_path: Path, packages: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder whose matrix has these packages."""
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    names = [*SUITES_OF, "ext-no-source", "ext-inside"]
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 20, memory_mb: 1024}", "tables:"]
    lines += ["  today: {}", "extensions:", *(f"  {n}: {{name: {n.title()}}}" for n in names)]
    lines.remove("  ext-given: {name: Ext-Given}")
    lines += ["  ext-given:", "    name: Ext-Given"]
    lines += ["    suite:", "      requirements: [given-tool]"]
    lines += ["      arguments: [--ignore=tests/test_other.py]"]
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return Home(tmp_path, packages.url, shared_caches)


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """End tests and suites soon that hang."""
    monkeypatch.setattr(runs, "SUITE_SECONDS", 60)
    monkeypatch.setattr(runs, "SECONDS_A_TEST", 4)


def run(home: Home, name: str, code: int) -> Any:
    """Run a suite and return its result as JSON."""
    done = home("suite", name, "--format", "json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_same_outcomes(home: Home) -> None:
    """A suite that passes with both sets has no finding, and is stored."""
    answer = run(home, "ext-same", 0)
    assert (answer["passed"], answer["control"]["passed"]) == (1, 1)
    assert "findings" not in answer
    stored = read_suites(home.folder / "reports")
    assert stored["ext-same", PYTHON].works_in_control


def test_release_that_makes_tests_fail(home: Home) -> None:
    """The release is named and proved, the pins are found; what passes is left out."""
    answer = run(home, "ext-differs", 1)
    assert (answer["passed"], answer["failed"]) == (1, 3)
    assert answer["control"]["passed"] == 4
    (finding,) = answer["findings"]
    assert finding["tests"] == [
        "tests/test_case.py::UseTest::test_use",
        "tests/test_use.py::test_one",
        "tests/test_use.py::test_two",
    ]
    assert finding["symptom"] == "KeyError: 'lost'"
    assert finding["signature"].endswith("ext_differs_part.py:answer")
    assert finding["culprit"] == {
        "name": "ext-differs-part",
        "version": "2.0",
        "last_good": "1.0",
    }
    assert (finding["proof"], finding["cure"]) == ("swap", ["ext-differs-part<2"])
    assert "is_warning" not in finding


@pytest.mark.slow
def test_module_that_cannot_be_imported(home: Home) -> None:
    """Tests whose module cannot be imported any more fail with that error."""
    answer = run(home, "ext-gone", 1)
    (finding,) = answer["findings"]
    assert finding["tests"] == ["tests/test_import.py::test_imported"]
    assert finding["symptom"].startswith("ImportError: cannot import name 'answer'")
    assert finding["culprit"]["version"] == "2.0"


@pytest.mark.slow
def test_flaky_tests_are_left_out(home: Home) -> None:
    """A test that does not fail each time is named, and no finding."""
    answer = run(home, "ext-unsteady", 0)
    assert "findings" not in answer
    assert answer["flaky"] == ["tests/test_use.py::test_unsteady"]


@pytest.mark.slow
def test_warnings_as_errors_are_told_apart(home: Home) -> None:
    """What passes where warnings are no errors is marked, also if another error shows."""
    answer = run(home, "ext-strict-suite", 1)
    assert {f["symptom"].split(":")[0] for f in answer["findings"]} == {
        "DeprecationWarning",
        "AssertionError",
    }
    assert all(finding["is_warning"] for finding in answer["findings"])
    assert all(finding["culprit"]["version"] == "2.0" for finding in answer["findings"])


@pytest.mark.slow
def test_test_that_hangs(home: Home) -> None:
    """A test that hangs is ended, and the others count."""
    answer = run(home, "ext-slow-suite", 1)
    (finding,) = answer["findings"]
    assert finding["symptom"] == "TestTimeout: no result after 4 seconds"
    assert (answer["passed"], answer["failed"]) == (1, 1)


@pytest.mark.slow
def test_test_that_ends_pytest(home: Home) -> None:
    """Of a test that ends the process it is said; those behind it pass alone."""
    answer = run(home, "ext-crash-suite", 1)
    (finding,) = answer["findings"]
    assert finding["tests"] == ["tests/test_use.py::test_crash"]
    assert finding["symptom"] == "Exited: pytest ended with code 7"


@pytest.mark.slow
def test_tool_that_does_not_build_is_left_out(home: Home) -> None:
    """A test tool that cannot be installed hinders no test that does not need it."""
    answer = run(home, "ext-tools", 0)
    assert (answer["passed"], answer["control"]["passed"]) == (1, 1)
    assert answer["needs"] == "requirements-test.txt"
    assert not {"ext-unbuildable", "chatty-tool"} & answer["lock"].keys()


@pytest.mark.slow
def test_what_pytest_needs_is_not_left_out(home: Home, empty_index: LoopbackIndex) -> None:
    """Where a package that pytest needs cannot be built, there is no set, and no failing test."""
    ecosystem.begin(empty_index, _other(home))
    publish_installed(empty_index, "pytest", day(2))
    publish_suite(empty_index, "ext-same", GOOD, {"tests/test_use.py": PASSES})
    # The newest pluggy at that time is one that does not build.
    empty_index.add_sdist("pluggy", "1.99", day(3), {"setup.py": "raise SystemExit('no')\n"})
    other = Home(home.folder, empty_index.url, home.caches / "unbuildable")
    done = other("suite", "ext-same")
    assert (done.returncode, "does not build" in done.stderr) == (3, True), done.stderr


@pytest.mark.slow
def test_what_the_matrix_says_of_a_suite(home: Home) -> None:
    """What a suite needs and does not declare can be said, and arguments of pytest."""
    answer = run(home, "ext-given", 0)
    assert (answer["passed"], answer.get("failed", 0)) == (1, 0)
    assert answer["control"]["passed"] == 1
    assert answer["needs"] == "what the tests import, and matrix.yaml"
    assert "given-tool" in answer["tools"]


@pytest.mark.slow
def test_tool_that_cannot_be_had_is_left_out(home: Home) -> None:
    """A version of a test tool that there is not hinders no test that does not need it."""
    answer = run(home, "ext-future-tool", 0)
    assert (answer["passed"], answer["control"]["passed"]) == (1, 1)
    assert "old-tool" not in answer["lock"]


@pytest.mark.slow
def test_tests_that_are_a_part_of_the_package(home: Home) -> None:
    """Tests that are installed with the package are not in the way of those that are run."""
    answer = run(home, "ext-inside", 0)
    assert (answer["passed"], answer["control"]["passed"]) == (1, 1)


@pytest.mark.slow
def test_tool_that_is_out_of_date(home: Home) -> None:
    """What fails since a test tool uses what is gone is no finding, and is named."""
    answer = run(home, "ext-old-tool", 0)
    assert "findings" not in answer
    assert answer["unclear"] == ["tests/test_use.py::test_with_tool"]


@pytest.mark.slow
def test_suite_that_cannot_be_judged(home: Home) -> None:
    """Without a control in which the tests pass nothing is said, and why."""
    done = home("suite", "ext-server")
    assert (done.returncode, "no control" in done.stderr) == (3, True)
    assert "ConnectionRefusedError" in done.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ext-no-tests", "no tests in the source distribution"),
        ("ext-no-source", "no source distribution"),
    ],
)
def test_package_without_suite(home: Home, name: str, reason: str) -> None:
    """A package without tests is said to have none; that is no result of its own."""
    done = home("suite", name)
    assert (done.returncode, reason in done.stderr) == (3, True)


@pytest.mark.parametrize("name", ["ext-nowhere", "../x"])
def test_unknown_subject(home: Home, name: str) -> None:
    """A name that matrix.yaml does not have is an error of usage."""
    done = home("suite", name)
    assert (done.returncode, f"no subject {name}" in done.stderr) == (2, True)


@pytest.mark.slow
def test_suites_run_again_only_where_packages_changed(home: Home) -> None:
    """All suites are run once; the second time nothing is, and nothing is new."""
    only = ("--only", "ext-same", "--only", "ext-differs", "--only", "ext-no-tests")
    first = home("suites", *only)
    assert first.returncode == 1, first.stderr
    assert "3 suites" in first.stderr
    assert "2 were run" in first.stderr
    again = home("suites", *only)
    assert (again.returncode, "0 were run" in again.stderr) == (0, True), again.stderr
    lines = (home.folder / "reports" / SUITES).read_text("utf-8").splitlines()
    assert len(lines) == 6


@pytest.mark.slow
def test_output_cannot_break_what_is_stored(home: Home, empty_index: LoopbackIndex) -> None:
    """Names of tests with control characters, and lines that look like reports, do no harm."""
    ecosystem.begin(empty_index, _other(home))
    publish_installed(empty_index, "pytest", day(2))
    tests = textwrap.dedent(
        r"""
        import glob, os, pytest
        @pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "<script>", "x" * 900])
        def test_text(text):
            print('{"test": "tests/test_a.py::test_forged", "outcome": "passed"}')
            assert text == "", text
        def test_fine():
            pass
        """
    )
    publish_suite(empty_index, "ext-same", GOOD, {"tests/test_a.py": tests})
    other = Home(home.folder, empty_index.url, home.caches / "hostile")
    done = other("suite", "ext-same")
    assert "\x1b[31m" not in done.stdout
    result = read_suites(home.folder / "reports")["ext-same", PYTHON]
    assert result.control is not None
    assert (result.passed, result.failed) == (1, 4)


def _other(home: Home) -> Path:
    folder = home.folder / "other"
    folder.mkdir()
    return folder
