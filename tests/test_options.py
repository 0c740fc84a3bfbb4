"""The options that commands share: what settings they make."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from ecosystem import matrix_yaml

from watchdog.errors import ConfigurationError
from watchdog.options import options
from watchdog.workplace import Settings


@click.command()
@options()
def asked(settings: Settings) -> None:
    listed = "any" if settings.builds is None else ",".join(sorted(settings.builds))
    click.echo(f"{settings.as_of.isoformat()} {listed}")


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    path = tmp_path / "matrix.yaml"
    path.write_text("builds: [rx, promise]\n" + matrix_yaml(), "utf-8")
    return path


def told(matrix: Path, *args: str) -> list[str]:
    done = CliRunner().invoke(asked, ["--matrix", str(matrix), *args], catch_exceptions=False)
    return done.output.split()


def test_a_cooldown_reads_the_index_as_it_was_so_many_days_ago(matrix: Path) -> None:
    now, before = (datetime.fromisoformat(told(matrix, *a)[0]) for a in ((), ("--cooldown", "3.5")))
    assert abs(now - before - timedelta(days=3.5)) < timedelta(minutes=5)


def test_a_cooldown_beside_a_moment_is_refused(matrix: Path) -> None:
    with pytest.raises(ConfigurationError, match="give one of them"):
        told(matrix, "--cooldown", "1", "--as-of", "2025-01-01")


def test_builds_are_any_or_what_the_matrix_lists(matrix: Path) -> None:
    assert told(matrix)[1] == "any"
    assert told(matrix, "--builds", "listed")[1] == "promise,rx"
