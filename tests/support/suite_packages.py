"""Made-up packages that bring tests, whose outcome depends on a release of another package."""

from __future__ import annotations

from ecosystem import day
from loopback_index import LoopbackIndex

USE = "import part\n\n\ndef use():\n    return part.answer()\n"
"""The module of every subject: what it answers depends on another package."""

GOOD = "def answer():\n    return 42\n"


def publish_suite(index: LoopbackIndex, name: str, later: str, files: dict[str, str]) -> None:
    """Publish a package with its source, whose dependency changes after its release."""
    module = name.replace("-", "_")
    part = f"{name}-part"
    index.add(part, "1.0", day(3), files={f"{module}_part.py": GOOD})
    index.add(part, "2.0", day(32), files={f"{module}_part.py": later})
    use = USE.replace("part", f"{module}_part")
    index.add(name, "1.0", day(4), files={f"{module}.py": use}, requires=["flask", part])
    renamed = {
        path: text.replace("from part", f"from {module}_part") for path, text in files.items()
    }
    index.add_sdist(name, "1.0", day(4), {**renamed, "PKG-INFO": f"Name: {name}\n"})
