from __future__ import annotations

import pytest
from samples import MATRIX

from watchdog.cli.published import pages_address, with_addresses


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("ann/flask-watchdog", "https://ann.github.io/flask-watchdog/"),
        ("Ann-Co/Flask.Watch", "https://ann-co.github.io/Flask.Watch/"),
        ("ann/ann.github.io", "https://ann.github.io/"),
        ("Ann/Ann.github.io", "https://ann.github.io/"),
        ("ann/bob.github.io", "https://ann.github.io/bob.github.io/"),
    ],
)
def test_pages_address(repository: str, address: str) -> None:
    """The address of a repository's pages has its owner in the host and its name in the path."""
    assert pages_address(repository) == address


def test_addresses_of_a_workflow() -> None:
    """In a workflow both addresses are known, and what matrix.yaml says stays."""
    env = {"GITHUB_REPOSITORY": "ann/w", "GITHUB_SERVER_URL": "https://github.com"}
    site = with_addresses(MATRIX, env).site
    assert (site.url, site.repository) == ("https://ann.github.io/w/", "https://github.com/ann/w")
    own = MATRIX.site.model_copy(update={"url": "https://example.org/w/"})
    site = with_addresses(MATRIX.model_copy(update={"site": own}), env).site
    assert (site.url, site.repository) == ("https://example.org/w/", "https://github.com/ann/w")


@pytest.mark.parametrize("repository", ["", "w", "a/b/c", "a/b?c", "a b/c", '"/x'])
def test_no_addresses_elsewhere(repository: str) -> None:
    """Without a repository's name nothing is made up."""
    assert with_addresses(MATRIX, {"GITHUB_REPOSITORY": repository}) == MATRIX
    assert with_addresses(MATRIX, {}) == MATRIX


def test_pages_of_another_server_are_unknown() -> None:
    """A server of one's own publishes pages where its owner says."""
    env = {"GITHUB_REPOSITORY": "ann/w", "GITHUB_SERVER_URL": "https://git.example.org"}
    site = with_addresses(MATRIX, env).site
    assert (site.url, site.repository) == (None, "https://git.example.org/ann/w")
