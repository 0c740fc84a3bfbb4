"""Who is a candidate of the long tail, in which order, and who cannot be installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from packaging.version import Version
from samples import MATRIX

from watchdog.analysis.download_list import ListedName, read_download_list
from watchdog.analysis.tail import choose_candidates, describe_package
from watchdog.errors import ConfigurationError
from watchdog.model.release import File, Release
from watchdog.model.tail import TailPackage, in_order_of_use

UPLOADED = datetime(2025, 5, 1, tzinfo=UTC)
TABLE = """\
name\tversion\tmonth\trank_of_15000\tsummary
Flask-Two\t0.5\t2024-01\t7000\tSomething
requests\t2.0\t2024-01\t3\tHTTP for humans
tracker\t3.0\t2025-01\t90\tExperiments, served by Flask
Flask-Old\t0.1\t2016-03\t\tSomething
my-flask-app\t0.9\t2026-01\t\tSomething
"""


def listed(path: Path, text: str) -> list[ListedName]:
    path.write_text(text, "utf-8")
    return list(read_download_list(path))


def test_download_list_as_table(tmp_path: Path) -> None:
    """A table with tabs gives normalised names, and a rank where it has one."""
    names = listed(tmp_path / "names.tsv", TABLE)
    assert [(n.name, n.rank) for n in names] == [
        ("flask-two", 7000),
        ("requests", 3),
        ("tracker", 90),
        ("flask-old", None),
        ("my-flask-app", None),
    ]
    assert (names[0].version, names[0].month, names[0].summary) == ("0.5", "2024-01", "Something")


def test_download_list_as_json(tmp_path: Path) -> None:
    """Of JSON with numbers of downloads the rank is the place by that number."""
    text = (
        '{"last_update": "x", "rows": [{"project": "B", "download_count": 5},\n'
        '{"project": "a_a", "download_count": 9}]}'
    )
    assert listed(tmp_path / "names.json", text) == [
        ListedName(name="a-a", rank=1),
        ListedName(name="b", rank=2),
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1:1: no column 'name'", "1:1: no column 'rank'"]),
        ("name,rank\na,1\n", ["1:1: no column 'name'", "1:1: no column 'rank'"]),
        ("name\tsummary\na\tb\n", ["1:1: no column 'rank'"]),
        ("name\trank\na\tx\n\t5\n", ["2:3: 'x' is not a rank", "3:1: no name"]),
        ("name\trank\n" + "a\t0\n" * 12, ["2:3: '0' is not a rank", "2 more lines like these"]),
        ('{"rows": 5}', ["not a list of downloads"]),
        ('{"rows": [{"project": "a"}]}', ["not a list of downloads"]),
        ('{"rows": [', ["not a list of downloads"]),
    ],
)
def test_download_list_errors(tmp_path: Path, text: str, problems: list[str]) -> None:
    """What is wrong with a list is said with its place, all at once."""
    with pytest.raises(ConfigurationError) as caught:
        listed(tmp_path / "names", text)
    said = "\n".join(caught.value.problems)
    for problem in problems:
        assert problem in said


def test_candidates(tmp_path: Path) -> None:
    """Ranked names and those that are named come first; of the others at most so many."""
    names = listed(tmp_path / "names.tsv", TABLE)
    chosen = choose_candidates(MATRIX, names, ["Unlisted", "ext", "flask"], 1)
    assert [c.name for c in chosen] == ["flask-two", "tracker", "unlisted", "flask-old"]
    everything = choose_candidates(MATRIX, names, ["my-flask-app"], 9)
    assert [c.name for c in everything] == ["flask-two", "tracker", "my-flask-app", "flask-old"]


def test_candidates_without_rank_in_order() -> None:
    """Names like an extension's come first, then those with more than a first version."""
    names = [
        ListedName(name="aflask", version="3.2", month="2026-01"),
        ListedName(name="flask-a", version="0.1.0", month="2026-01"),
        ListedName(name="flask-b", version="0.4.2", month="2019-01"),
        ListedName(name="c-flask", version="0.4.2", month="2020-01"),
    ]
    chosen = choose_candidates(MATRIX, names, (), 3)
    assert [c.name for c in chosen] == ["c-flask", "flask-b", "flask-a"]


def release(version: str, *files: str, yanked: bool = False, python: str | None = None) -> Release:
    names = files or (f"flask_two-{version}-py3-none-any.whl",)
    return Release(
        "flask-two",
        Version(version),
        tuple(File(n, UPLOADED, yanked=yanked, requires_python=python) for n in names),
    )


@pytest.mark.parametrize(
    ("releases", "reason"),
    [
        ((), "no file"),
        ((release("1.0", yanked=True),), "yanked"),
        ((release("1.0b1"),), "no final release"),
        ((release("1.0", python="<3.9"),), "excludes Python 3.13 and 3.14"),
        ((release("1.0", python="<3.9"), release("2.0", python="==3.13.*")), None),
        ((release("1.0", python=">=3.13.2"),), None),
        ((release("1.0", python="nonsense"),), None),
        ((release("1.0"), release("2.0", yanked=True)), None),
    ],
)
def test_why_nobody_can_install_it(releases: tuple[Release, ...], reason: str | None) -> None:
    """A package of which an installer takes nothing is dropped, with the reason."""
    package = describe_package(ListedName(name="flask-two", rank=4), releases, ("3.13", "3.14"))
    assert (package.dropped is None) == (reason is None)
    assert reason is None or reason in (package.dropped or "")
    assert package.rank == 4


def test_described_package() -> None:
    """A package has the name of its files, its newest final release, and how many there are."""
    releases = (
        release("1.0"),
        release("1.1", "Flask_Two-1.1.tar.gz", "flask_two-1.1-py3-none-any.whl"),
        release("2.0b1"),
    )
    package = describe_package(ListedName(name="flask-two"), releases, ("3.13",))
    assert package == TailPackage(
        name="flask-two",
        title="Flask-Two",
        version="1.1",
        released=UPLOADED.date(),
        releases=2,
    )


def test_order_of_use() -> None:
    """Ranks count first; then releases, of which old ones count less."""
    today = date(2026, 1, 1)
    base = TailPackage(name="x", title="x")
    packages = [
        replace(base, name="old", released=date(2017, 1, 1), releases=8),
        replace(base, name="new", released=date(2025, 12, 1), releases=6),
        replace(base, name="much", released=date(2022, 1, 1), releases=30),
        replace(base, name="ranked", rank=900),
        replace(base, name="top", rank=30),
    ]
    names = [package.name for package in in_order_of_use(packages, today)]
    assert names == ["top", "ranked", "much", "new", "old"]
