"""Configures Sphinx; `nox -s docs` builds the pages into reports/docs/."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Flask compatibility watchdog"
author = "its contributors"
version = release = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"][
    "version"
]

extensions = ["myst_parser", "repository_links"]
exclude_patterns = ["_ext"]
# A link that leads nowhere is a warning, and `nox -s docs` makes warnings errors.
nitpicky = True
myst_heading_anchors = 4
smartquotes = False  # what is copied from a page must be what was typed there
pygments_style = "default"

# Files of the repository that have no page here; a fork's workflow names its own repository.
repository = "/".join(
    (
        os.environ.get("GITHUB_SERVER_URL", "https://github.com"),
        os.environ.get("GITHUB_REPOSITORY", "OWNER/flask-watchdog"),
    )
)

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}


def setup(app: Sphinx) -> None:
    """Show diagrams of Mermaid as their source: drawing them would need a script from elsewhere."""
    app.add_lexer("mermaid", TextLexer)
