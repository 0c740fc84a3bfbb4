"""The automatic smoke: what a distribution ships can be imported beside Starlette."""

import importlib
import importlib.metadata
import os

from starlette.applications import Starlette

DISTRIBUTIONS = os.environ["WATCHDOG_DISTRIBUTIONS"].split()


def packages(distribution):
    for file in importlib.metadata.files(distribution) or []:
        if len(file.parts) == 2 and file.name == "__init__.py" and file.parts[0].isidentifier():
            yield file.parts[0]


MODULES = [importlib.import_module(name) for d in DISTRIBUTIONS for name in packages(d)]


def test_what_it_ships_can_be_imported():
    """What it ships can be imported, beside an application"""
    assert MODULES
    assert Starlette().routes == []
