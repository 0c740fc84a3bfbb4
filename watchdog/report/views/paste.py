"""Rules for the box in which people paste their requirements, as plain data. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from watchdog.matrix.schema import Matrix
from watchdog.report.views.front import SiteView


@dataclass(frozen=True, kw_only=True)
class Rule:
    """With this version of a package (any, where it is null) these bounds are needed.

    Attributes:
        add: bounds, each as package and the first version that breaks.
        checked: when the bounds were last seen to work, or when it was proved that they do.
    """

    package: str
    version: str | None
    who: str
    add: tuple[tuple[str, str], ...]
    symptom: str
    page: str
    checked: str


def paste_script(matrix: Matrix, site: SiteView) -> str:
    """Return a script that holds the rules.

    It is a script because a page opened from disk may load scripts but fetch nothing.
    """
    subjects = {
        line.subject: {"title": line.title, "word": line.word} for line in site.front.subjects
    }
    content = {
        "as_of": f"{site.front.as_of:%Y-%m-%d}",
        "core": matrix.core_names,
        "subjects": subjects,
        "rules": [],
    }
    # `</script>` in a text would do no harm in a file of its own; < is escaped all the same.
    return "window.WATCHDOG = " + json.dumps(content).replace("<", "\\u003c") + ";\n"
