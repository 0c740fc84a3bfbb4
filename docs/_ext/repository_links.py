"""Lets pages link to files outside docs/ as they must be linked on GitHub.

A link such as `[matrix.yaml](../matrix.yaml)` leads to that file on GitHub. In the built pages it
leads to the file's page if it has one (`PAGES`), else to the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
}
"""Files in the root of the repository, and the page that holds or replaces each."""


class RepositoryLinks(SphinxTransform):
    """Replaces links to files outside the folder of the pages."""

    default_priority = 100

    def apply(self, **kwargs: Any) -> None:  # noqa: ANN401, ARG002  docutils' signature
        """Replace the links of one page."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link.get("reftype") == "myst":
                target = link["reftarget"]
                suffix = ".md" if link.get("refdomain") == "doc" else ""
                self._replace(link, f"{target}{suffix}")
        for link in list(self.document.findall(addnodes.download_reference)):
            self._replace(link, link["reftarget"])

    def _replace(self, link: nodes.Element, target: str) -> None:
        name, _, anchor = target.partition("#")
        path = self._find(name)
        if path is None:
            return
        if page := PAGES.get(path):
            link["refdomain"], link["reftarget"] = "doc", page
            link["reftargetid"] = link.get("reftargetid") or anchor or None
            return
        root = Path(self.env.srcdir).parent
        kind = "tree" if (root / path).is_dir() else "blob"
        address = f"{self.config.repository}/{kind}/main/{path}" + (f"#{anchor}" if anchor else "")
        link.replace_self(nodes.reference("", "", *link.children, refuri=address, internal=False))

    def _find(self, name: str) -> str | None:
        """Return a path within the repository but outside docs/; None for every other link.

        A page that includes a file of the root has links that are relative to the root. Whether
        the file exists is tested in tests/unit/docs: a checkout may hold a part of the repository.
        """
        source = Path(self.env.srcdir)
        root = source.parent
        included = self.env.docname in PAGES.values() and self.env.docname != "index"
        here = root if included else Path(self.env.doc2path(self.env.docname)).parent
        path = (here / name).resolve()
        if not name or not path.is_relative_to(root):
            return None
        if path.is_relative_to(source) and (path.suffix == ".md" or not path.exists()):
            return None
        return path.relative_to(root).as_posix()


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, and the setting `repository`: the address of the repository."""
    app.add_config_value("repository", "", "html", types=[str])
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
