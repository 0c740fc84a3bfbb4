"""What the box for pasted requirements knows: rules of published breakages, as plain data. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from packaging.version import Version

from watchdog.matrix.schema import Matrix
from watchdog.model.release import short_version
from watchdog.report.views.front import SiteView


@dataclass(frozen=True)
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


def rules(matrix: Matrix, site: SiteView) -> Iterator[Rule]:
    """What is known to break, and with which bounds it does not."""
    framework, title = matrix.framework, matrix.title(matrix.framework)
    for pin in site.chronicle.pins:
        if pin.alone and pin.bounds:
            yield Rule(
                framework,
                pin.version,
                f"{title} {pin.version}",
                pin.bounds,
                pin.symptom or "",
                "pins.html",
                f"{pin.checked:%Y-%m-%d}",
            )
    for view in site.chronicle.breakages:
        page = f"breakages/{view.id}.html"
        if view.culprit_name in (None, "python", view.subject):
            continue
        bound = ((str(view.culprit_name), short_version(Version(str(view.culprit_version)))),)
        if view.subject_version:
            yield Rule(
                view.subject,
                view.subject_version,
                view.who,
                bound,
                view.symptom,
                page,
                f"{view.began:%Y-%m-%d}",
            )
        if view.ended is None and view.cure_bounds and view.cure_checked:
            yield Rule(
                view.subject,
                None,
                view.who,
                view.cure_bounds,
                view.symptom,
                page,
                f"{view.cure_checked:%Y-%m-%d}",
            )


def data(matrix: Matrix, site: SiteView) -> str:
    """The script that holds it: a page opened from disk may load a script, but fetch nothing."""
    known = {s: {"title": title, "word": word} for s, title, _, word in site.front.subjects}
    told = {
        "as_of": f"{site.front.as_of:%Y-%m-%d}",
        "core": matrix.core_names,
        "subjects": known,
        "rules": [asdict(rule) for rule in rules(matrix, site)],
    }
    # `</script>` and its like cannot occur in the text of a file of its own; < is hidden anyway.
    return "window.WATCHDOG = " + json.dumps(told).replace("<", "\\u003c") + ";\n"
