"""Prints the text of a release: its section of CHANGELOG.md.

Run as `python .ci/release_text.py v0.1.0`. Ends with 2 if the tag, the version in pyproject.toml
and the headings of CHANGELOG.md do not fit together, and says what to change.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_HEADING = re.compile(
    r"^## +\[?(?P<name>[^]\s]+)\]?(?P<date> - \d{4}-\d\d-\d\d)?\s*$", re.MULTILINE
)


def sections(changelog: str) -> dict[str, tuple[bool, str]]:
    """Return whether each section has a date, and its text, by the version in its heading."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return {
        heading["name"]: (bool(heading["date"]), changelog[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    }


def release_text(tag: str, version: str, changelog: str) -> tuple[str, list[str]]:
    """Return the text of a release, and what hinders it.

    Args:
        tag: as `v0.1.0`.
        version: of pyproject.toml.
        changelog: the text of CHANGELOG.md.
    """
    problems = []
    if tag != f"v{version}":
        problems.append(f"pyproject.toml: version is {version}; the tag {tag} needs {tag[1:]}")
    dated, text = sections(changelog).get(tag.removeprefix("v"), (False, ""))
    if not text:
        problems.append(f"CHANGELOG.md: needs a section `## {tag[1:]} - YEAR-MONTH-DAY` with text")
    elif not dated:
        problems.append(
            f"CHANGELOG.md: the heading of {tag[1:]} needs its date, ` - YEAR-MONTH-DAY`"
        )
    return text + "\n", problems


def main() -> None:
    """Print the text, or what hinders the release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    text, problems = release_text(sys.argv[1], project["version"], changelog)
    if problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        raise SystemExit(2)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
