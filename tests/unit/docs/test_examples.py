"""What the pages tell people to copy fits what the project offers."""

from __future__ import annotations

import re

import pytest
import yaml
from home import ROOT

HOW_TO = ("broken-overnight", "old-tutorial", "flask-3")
PAGES = ("README.md", *(f"docs/{name}.md" for name in HOW_TO))
FENCED = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (page, block) for page in PAGES for block in FENCED.findall((ROOT / page).read_text("utf-8"))
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_example_workflows_fit(page: str, block: str) -> None:
    """An example of a workflow or a hook uses a file of this project, and inputs that it has."""
    example = yaml.safe_load(block)
    if "repos" in example:
        (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
        assert example["repos"][0]["hooks"][0]["id"] == offered["id"]
        return
    for job in example["jobs"].values():
        path = re.fullmatch(r"OWNER/flask-watchdog/(\S+)@COMMIT", job["uses"])
        assert path, page
        # YAML takes the key `on` for true.
        called = yaml.safe_load((ROOT / path[1]).read_text("utf-8"))[True]["workflow_call"]
        assert job["with"].keys() <= called["inputs"].keys()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link of a page to a file, or to a heading of one, leads somewhere."""
    text = (ROOT / page).read_text("utf-8")
    for name, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), name
        if heading:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            names = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
            assert heading in names
