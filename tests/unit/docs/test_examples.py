"""What the pages tell people to copy fits what the project offers."""

from __future__ import annotations

import re

import pages
import pytest
import yaml
from home import ROOT

from watchdog.matrix.schema import Extension, Matrix

BLOCKS = [(page, block) for page in pages.PAGES for block in pages.blocks(page, "yaml")]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_example_workflows_fit(page: str, block: str) -> None:
    """An example in YAML uses what this project has: a workflow, a hook, or keys of matrix.yaml."""
    example = yaml.safe_load(block)
    if "repos" in example:
        (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
        assert example["repos"][0]["hooks"][0]["id"] == offered["id"]
    elif "jobs" in example:
        for job in example["jobs"].values():
            path = re.fullmatch(r"OWNER/flask-watchdog/(\S+)@COMMIT", job["uses"])
            assert path, page
            # YAML takes the key `on` for true.
            called = yaml.safe_load((ROOT / path[1]).read_text("utf-8"))[True]["workflow_call"]
            assert job["with"].keys() <= called["inputs"].keys()
    elif example.keys() == {"flask-example"}:
        assert example["flask-example"].keys() <= Extension.model_fields.keys()
    else:
        assert example.keys() <= Matrix.model_fields.keys()


@pytest.mark.parametrize("page", pages.PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link of a page to a file, or to a heading of one, leads somewhere."""
    for name, heading in re.findall(
        r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", pages.prose(page)
    ):
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), name
        if heading:
            assert heading in pages.headings(path), f"{name}#{heading}"


@pytest.mark.parametrize("page", pages.PAGES)
def test_pages_are_listed(page: str) -> None:
    """Each page of docs/ is in the list of all pages, and in the navigation."""
    if page in pages.IN_ROOT or page == "docs/index.md":
        return
    index = pages.read("docs/index.md")
    name = page.removeprefix("docs/")
    assert re.search(rf"^{re.escape(name.removesuffix('.md'))}$", index, re.MULTILINE)
    included = re.search(r"\{include\} \.\./(\S+)", pages.read(page))
    assert f"({'../' + included[1] if included else name}" in index


def test_readme_is_short() -> None:
    """The README fits on two screens."""
    lines = pages.read("README.md").splitlines()
    assert len(lines) <= 90
    assert [line for line in lines if len(line) > 110 and not line.startswith("[![")] == []
