from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import positions, put, read, reasons

from watchdog.errors import ConfigurationError

ENVIRONMENT = """\
name: app
channels: [defaults]
dependencies:
  - python=3.9
  - conda-forge::numpy=1.21
  - openssl=1.1.1l=h7f8727e_0
  - pip
  - pip:
    - flask==2.2.2  # web
    - "celery[redis]; python_version > '3.7'"
    - -r more.txt
"""


def test_environment(tmp_path: Path) -> None:
    """The part for pip is read; conda's packages are listed; its Python is what is run."""
    put(tmp_path, "more.txt", "blinker\n")
    project = read(tmp_path, "environment.yml", ENVIRONMENT)
    assert positions(project, tmp_path) == {
        "flask==2.2.2": "environment.yml:9",
        'celery[redis]; python_version > "3.7"': "environment.yml:10",
        "blinker": "more.txt:1",
    }
    assert list(reasons(project, tmp_path)) == ["environment.yml:5", "environment.yml:6"]
    (python,) = project.pythons
    assert (python.specifier, python.position, python.exact) == (
        "==3.9.*",
        f"{tmp_path}/environment.yml:4",
        True,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dependencies:\n  - flask\n", "environment.yml: contains no requirement"),
        ("dependencies: flask\n", "environment.yml: not an environment of conda"),
        ("- a\n", "environment.yml: not an environment of conda"),
        ("a: [\nb: {\n", "environment.yml:3:1: no valid YAML"),
        ("a: \x01", "environment.yml: no valid YAML"),
        ("[" * 20_000, "environment.yml: no valid YAML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """What is no environment is an error that says where."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "environment.yml", text)
    assert error.value.problems[0].removeprefix(f"{tmp_path}/").startswith(message)
