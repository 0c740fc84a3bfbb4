from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_folder import FILES, positions, put, read, reasons

from watchdog.errors import ConfigurationError
from watchdog.project.pip_format import parse_requirements
from watchdog.project.reader import read_project

REQUIREMENTS = """\
# a comment \\
Flask == 2.2.2  # the framework
flask-login==0.6.2 \\
    --hash=sha256:abc \\
    --hash=sha256:def
celery[redis]; python_version > '3.7'

werkzeug<3 --no-binary werkzeug
blinker==${VERSION}
"""


def test_requirements_and_their_positions(tmp_path: Path) -> None:
    """Comments, continued lines, hashes, options and environment variables are pip's."""
    project = read(tmp_path, "requirements.txt", REQUIREMENTS)
    assert positions(project, tmp_path) == {
        "Flask==2.2.2": "requirements.txt:2",
        "flask-login==0.6.2": "requirements.txt:3",
        'celery[redis]; python_version > "3.7"': "requirements.txt:6",
        "werkzeug<3": "requirements.txt:8",
        "blinker==2.2": "requirements.txt:9",
    }
    assert project.dependencies[0].text == "Flask == 2.2.2"
    assert (project.skipped, project.locked) == ((), False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("--index-url https://me:secret@index.invalid/simple", "--index-url is not followed"),
        ("--pre", "--pre is not followed"),
        ("-c https://index.invalid/constraints.txt", "a file on the network is not read"),
        ("--requirement=https://index.invalid/r.txt", "a file on the network is not read"),
        ("-e git+https://index.invalid/x.git@main#egg=x", "not a release on an index"),
        ("x @ https://index.invalid/x.whl", "not a release on an index"),
        ("./x-1.0-py3-none-any.whl", "not a release on an index"),
        ("-e ./gone", "there is no such folder"),
        ("numpy @ file:///tmp/build/80754af9/numpy_1/work", "write numpy==VERSION"),
        ("x==${UNSET}", "the environment variable UNSET is not set"),
        ("flask=2.0", "an exact version is written with `==`"),
        ("numpy=1.21.2=py39h20f2e39_0", "written by `conda list --export`"),
        ("flask==", "Expected"),
        ("x; " + "(" * 1000, "nested"),
        ("x==" + "1" * 5000, "longer than 2000 characters"),
        ("pkg-resources==0.0.0", "Debian and Ubuntu"),
        ("pkg_resources", "Debian and Ubuntu"),
        ("sqlite==3.36.0", "a library of the system"),
        ("openssl==1.1.1l", "a library of the system"),
        ("python==3.9.4", "the interpreter itself"),
        ("python-apt==2.0.0+ubuntu0.20.4.8", "Debian or Ubuntu"),
        ("distro-info===0.23ubuntu1", "Debian or Ubuntu"),
    ],
)
def test_unusable_lines(tmp_path: Path, line: str, reason: str) -> None:
    """What cannot be used is said with its position, and the rest goes on."""
    project = read(tmp_path, "requirements.txt", f"flask\n{line}\nblinker\n")
    assert project.requirements == ("flask", "blinker")
    (skipped,) = project.skipped
    assert skipped.position == f"{tmp_path / 'requirements.txt'}:2"
    assert reason in skipped.reason
    assert "secret" not in skipped.text


@pytest.mark.parametrize("name", ["tzdata", "pip", "setuptools", "wheel", "tk", "readline"])
def test_names_that_applications_use_too(tmp_path: Path, name: str) -> None:
    """A name that conda shares with an index is left out only where it is pinned as conda does."""
    assert name in read(tmp_path, "requirements.txt", f"flask\n{name}\n").requirements


def test_includes(tmp_path: Path) -> None:
    """A file that is included is named relative to the one that includes it, and read once."""
    put(tmp_path, "deps/base.txt", "Flask==2.2.2\n-r ../requirements.txt\n-r more.txt\n")
    put(tmp_path, "deps/more.txt", "blinker\n")
    project = read(tmp_path, "requirements.txt", "-rdeps/base.txt\nflask-login\n")
    assert positions(project, tmp_path) == {
        "Flask==2.2.2": "deps/base.txt:1",
        "blinker": "deps/more.txt:1",
        "flask-login": "requirements.txt:2",
    }


def test_constraints_are_no_requirements(tmp_path: Path) -> None:
    """What only a constraints file names is not required; what that includes with -r is."""
    put(tmp_path, "limits.txt", "werkzeug<3\n-c more.txt\n-r also.txt\n")
    put(tmp_path, "more.txt", "jinja2<4\n")
    put(tmp_path, "also.txt", "blinker\n")
    project = read(tmp_path, "requirements.txt", "-c limits.txt\nflask\n")
    assert project.requirements == ("blinker", "flask")
    assert project.limits == ("werkzeug<3", "jinja2<4")


def test_real_files() -> None:
    """Files of public applications: constraints, an index address, a line of Ubuntu's pip."""
    limited = read_project(FILES / "with-constraints.txt")
    assert limited.requirements == ("Flask", "Flask-Login")
    assert limited.limits == ("Flask-Script==2.0.6", "Werkzeug==3.0.6", "flask-restplus==0.13.0")
    ubuntu = read_project(FILES / "ubuntu-freeze-2020.txt")
    assert len(ubuntu.requirements) == 24
    assert list(reasons(ubuntu, FILES)) == ["ubuntu-freeze-2020.txt:25"]
    mirror = read_project(FILES / "mirror-2025.txt")
    assert 'pywin32>=306; sys_platform == "win32"' in mirror.requirements
    assert list(reasons(mirror, FILES)) == ["mirror-2025.txt:1"]


def test_local_project(tmp_path: Path) -> None:
    """`-e .` stands for what the folder's metadata requires, with the extras that it names."""
    put(
        tmp_path,
        "pyproject.toml",
        '[project]\ndependencies = ["flask>=2"]\n'
        '[project.optional-dependencies]\nmail = ["flask-mail"]\ndev = ["pytest"]\n',
    )
    project = read(tmp_path, "requirements.txt", "-e .[mail]\nblinker\n")
    assert positions(project, tmp_path) == {
        "flask>=2": "pyproject.toml:2",
        "flask-mail": "pyproject.toml:4",
        "blinker": "requirements.txt:2",
    }
    assert project.optional == (f"extra `dev` of {tmp_path / 'pyproject.toml'} (1 requirement)",)


def test_local_project_in_a_circle(tmp_path: Path) -> None:
    """A setup.py that reads the requirements file that names it is read once."""
    put(
        tmp_path,
        "setup.py",
        "from setuptools import setup\nsetup(install_requires=open('requirements.txt').read())\n",
    )
    assert read(tmp_path, "requirements.txt", "-e .\nflask\n").requirements == ("flask",)


@pytest.mark.parametrize("line", ["-r a\0b.txt", "-r " + "a" * 5000, "-r .", "-r gone.txt"])
def test_unreadable_include(tmp_path: Path, line: str) -> None:
    """An include that cannot be read is reported with the line that names it."""
    if "\0" in line:
        with pytest.raises(ConfigurationError, match=r"requirements\.txt:2:5: a NUL character"):
            read(tmp_path, "requirements.txt", f"flask\n{line}\n")
    else:
        with pytest.raises(ConfigurationError, match=r"requirements\.txt:2: .*(cannot|no such)"):
            read(tmp_path, "requirements.txt", f"flask\n{line}\n")


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Every include that cannot be read is reported."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "requirements.txt", "-r one.txt\nflask\n-c two.txt\n")
    assert [p.partition(": ")[0].removeprefix(f"{tmp_path}/") for p in error.value.problems] == [
        "requirements.txt:1",
        "requirements.txt:3",
    ]


def test_text_without_file() -> None:
    """A text alone includes nothing, and keeps what a machine wrote for itself."""
    project = parse_requirements("flask\n-r other.txt\npkg-resources==0.0.0\n./here\n")
    assert project.requirements == ("flask", "pkg-resources==0.0.0")
    assert [(s.position, s.text) for s in project.skipped] == [
        ("line 2", "-r other.txt"),
        ("line 4", "./here"),
    ]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text(text: str) -> None:
    """Any text can be parsed."""
    parse_requirements(text)
