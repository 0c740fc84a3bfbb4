"""The audit of what is published about today: it finds what contradicts the run, and only that."""

from __future__ import annotations

import pytest
from ecosystem import day
from rule_books import BOOK, CORE
from samples import MATRIX

from watchdog.facts.audit_of_today import check_rules_on_run
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Ended, Evidence, Judgement, Outcome, Record, Stage
from watchdog.model.verdict import State, Verdict

RESTFUL = {"flask-restful": "0.3.10", "aniso8601": "10.0.1"}


def verdict(subject: str, lock: dict[str, str], *, works: bool) -> Verdict:
    """Return the verdict on a cell of today on Python 3.13."""
    outcome = Outcome.WORKS if works else Outcome.BROKEN
    record = Record(
        fingerprint=f"{subject}{sorted(lock.items())}",
        subject=subject,
        python="3.13.1",
        platform="linux",
        smoke="s",
        lock=lock,
        judgement=Judgement(outcome, Stage.SMOKE, None, None),
        evidence=(Evidence(Ended.REPORTED, Stage.SMOKE),),
        ran_at=day(60),
    )
    cell = Cell(
        id=f"{subject}/today/py3.13",
        table=Table.TODAY,
        subject=subject,
        python="3.13",
        requirements=(),
    )
    return Verdict(cell, State.WORKS if works else State.BROKEN, record=record)


@pytest.mark.parametrize(
    ("fails_with", "findings"),
    [
        (CORE, []),
        (CORE | {"werkzeug": "3.0.6"}, ["flask-login/today/py3.13 works, but flask-restful"]),
        (None, ["flask-login/today/py3.13 works, but flask-restful"]),
    ],
)
def test_alarm_beside_a_subject_that_works(
    fails_with: dict[str, str] | None, findings: list[str]
) -> None:
    """An alarm for another package of the set stands only if the run shows it with its packages."""
    both = CORE | RESTFUL | {"flask-login": "0.6.3"}
    verdicts = [verdict("flask-login", both, works=True)]
    if fails_with is not None:
        verdicts.append(verdict("flask-restful", fails_with | RESTFUL, works=False))
    check = check_rules_on_run(MATRIX, BOOK, verdicts)
    assert check.looked_at == len(verdicts)
    assert [finding.partition(" is said")[0] for finding in check.findings] == findings
