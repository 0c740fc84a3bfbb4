"""The command `tail`: keeps the list of the packages that the table `tail` runs."""

from __future__ import annotations

from pathlib import Path

import click

from watchdog.analysis.download_list import read_download_list
from watchdog.analysis.tail import TailList, choose_candidates, make_tail_list
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import options
from watchdog.errors import RUN_AGAIN, ConfigurationError, IncompleteError
from watchdog.matrix.load import tail_list_path
from watchdog.matrix.tail_list import read_tail_list, tail_list_text
from watchdog.report import site
from watchdog.runner.workspace import Settings, open_workspace


@click.command()
@options()
@click.option(
    "--names",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="A list of downloads: a table with tabs and the columns `name` and `rank`, or JSON "
    "with `rows` of `project` and `download_count`.",
)
@click.option(
    "--unranked",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    metavar="NUMBER",
    help="Ask the index about at most so many names that have no rank: a request each.",
)
@click.option(
    "--also",
    multiple=True,
    metavar="NAME",
    help="Ask about this package as well, whatever its name; may be repeated.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="the file that matrix.yaml names, else the built-in one",
    help="Write the list to this file.",
)
def tail(
    settings: Settings, names: Path, unranked: int, also: tuple[str, ...], into: Path | None
) -> None:
    """Write the list of the long tail: the most used packages that matrix.yaml does not list.

    Candidates are the packages of a download list that have Flask in their name, and those that
    require Flask or Werkzeug. The index is asked about each of them; one that nobody can install is
    dropped, with the reason. Packages of the list as it was are asked about again.
    """
    matrix = settings.matrix
    if matrix.tables.tail is None:
        raise ConfigurationError(("matrix.yaml has no table `tail`; add it below `tables`",))
    path = into or tail_list_path(matrix, click.get_current_context().params["matrix_path"])
    earlier = read_tail_list(path)
    again = [p.name for p in earlier if p.dropped is None]
    listed = read_download_list(names)
    candidates = choose_candidates(matrix, listed, (*also, *again), unranked)
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, matrix) as observer:
        result = make_tail_list(workspace, observer, candidates, earlier)
    site.write_text(path, tail_list_text(result.packages))
    say(console, _summary(result, path))
    if result.failures:
        lines = [f"{name} could not be examined: {why}" for name, why in result.failures]
        lines.append(f"Its line is that of the earlier list, if it had one. {RUN_AGAIN}")
        raise IncompleteError("\n".join(lines))


def _summary(result: TailList, path: Path) -> str:
    dropped = sum(package.dropped is not None for package in result.packages)
    text = (
        f"{result.asked} packages asked about: {len(result.packages) - dropped} are run, "
        f"{dropped} cannot be installed: {path}"
    )
    if result.strangers:
        text += f"\nLeft out, since they require no part of the core: {', '.join(result.strangers)}"
    return text
