"""The matrix as commands see it: with this machine's Pythons, and where the pages are published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from watchdog.environments.interpreters import installed_series
from watchdog.matrix import load
from watchdog.matrix.schema import Matrix
from watchdog.model.python_series import known_series

_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9._-]+)")
_GITHUB = "https://github.com"


def load_field(path: Path, environment: Mapping[str, str]) -> Matrix:
    """Read a matrix file, with the Pythons that this machine has among those that it may choose.

    Its `site` is completed by what the environment of a workflow says.

    Raises:
        ConfigurationError: with every problem found, each with its line and column.
    """
    matrix = load.load_matrix(path, known_series(installed_series()))
    return with_addresses(matrix, environment)


def with_addresses(matrix: Matrix, environment: Mapping[str, str]) -> Matrix:
    """Return the matrix with the addresses that a workflow of GitHub knows.

    What matrix.yaml says is kept.
    """
    repository = environment.get("GITHUB_REPOSITORY", "")
    server = environment.get("GITHUB_SERVER_URL", _GITHUB).rstrip("/")
    if not _REPOSITORY.fullmatch(repository):
        return matrix
    # Where a server of one's own publishes pages is a setting of that server.
    url = pages_address(repository) if server == _GITHUB else None
    site = matrix.site.model_copy(
        update={
            "url": matrix.site.url or url,
            "repository": matrix.site.repository or f"{server}/{repository}",
        }
    )
    return matrix.model_copy(update={"site": site})


def pages_address(repository: str) -> str:
    """Return where GitHub Pages publishes a repository, given as `owner/name`.

    A repository that is called after its own address is published at the root of it. GitHub leads
    from here to a domain of one's own.
    """
    owner, _, name = repository.partition("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"
