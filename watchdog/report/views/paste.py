"""Rules for the box in which people paste their requirements, as plain data. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from packaging.version import Version

from watchdog.matrix.schema import Matrix
from watchdog.model.release import short_version
from watchdog.report.views.front import SiteView
from watchdog.report.views.history import PastBreakageView
from watchdog.report.views.pins import PinView
from watchdog.report.views.wording import breakage_page


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


def rules(matrix: Matrix, site: SiteView) -> Iterator[Rule]:
    """Yield what is known to break, with the bounds that avoid it."""
    for pin in site.history.pins:
        if pin.alone and pin.bounds:
            yield _pin_rule(matrix, pin)
    for breakage in site.history.breakages:
        # A bound helps only if another package caused the breakage.
        if breakage.culprit_name not in (None, "python", breakage.subject):
            yield from _breakage_rules(breakage)


def _pin_rule(matrix: Matrix, pin: PinView) -> Rule:
    return Rule(
        package=matrix.framework,
        version=pin.version,
        who=f"{matrix.title(matrix.framework)} {pin.version}",
        add=pin.bounds,
        symptom=pin.symptom or "",
        page="pins.html",
        checked=f"{pin.checked:%Y-%m-%d}",
    )


def _breakage_rules(breakage: PastBreakageView) -> Iterator[Rule]:
    """Yield a rule for the version that broke, and one for the package while it is broken."""
    if breakage.subject_version:
        first_bad = short_version(Version(str(breakage.culprit_version)))
        yield Rule(
            package=breakage.subject,
            version=breakage.subject_version,
            who=breakage.who,
            add=((str(breakage.culprit_name), first_bad),),
            symptom=breakage.symptom,
            page=breakage_page(breakage.id),
            checked=f"{breakage.began:%Y-%m-%d}",
        )
    if breakage.ended is None and breakage.cure_bounds and breakage.cure_checked:
        yield Rule(
            package=breakage.subject,
            version=None,
            who=breakage.who,
            add=breakage.cure_bounds,
            symptom=breakage.symptom,
            page=breakage_page(breakage.id),
            checked=f"{breakage.cure_checked:%Y-%m-%d}",
        )


def paste_script(matrix: Matrix, site: SiteView) -> str:
    """Return a script that holds the rules.

    It is a script because a page opened from disk may load scripts but fetch nothing.
    """
    subjects = {
        subject: {"title": title, "word": word} for subject, title, _, word in site.front.subjects
    }
    content = {
        "as_of": f"{site.front.as_of:%Y-%m-%d}",
        "core": matrix.core_names,
        "subjects": subjects,
        "rules": [asdict(rule) for rule in rules(matrix, site)],
    }
    # `</script>` in a text would do no harm in a file of its own; < is escaped all the same.
    return "window.WATCHDOG = " + json.dumps(content).replace("<", "\\u003c") + ";\n"
