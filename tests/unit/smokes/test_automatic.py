"""The parts of the automatic smoke that only read text."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("WATCHDOG_DISTRIBUTIONS", "")
    monkeypatch.setattr("sys.argv", ["pytest"])
    return importlib.import_module("watchdog.smokes.automatic.examples")


RST = """
A line::

    from ext import Ext
    Ext(app)

.. code-block:: python
   :caption: more

   import ext

.. code-block:: html

   <b>no</b>

.. code-block:: pycon

   >>> import ext
   >>> ext.one()
   1
"""

MARKDOWN = """
```python
x = ext.y
```

```sh
pip install ext
```

~~~py
from ext import z
~~~
"""


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (RST, ["from ext import Ext\nExt(app)", "import ext", "import ext\next.one()"]),
        (MARKDOWN, ["x = ext.y", "from ext import z"]),
        ("no code here\n", []),
        ("```python\nnot python at all!\n```\n", []),
    ],
)
def test_examples_of_text(examples: ModuleType, text: str, blocks: list[str]) -> None:
    """The blocks of Python in reStructuredText and Markdown are found, in their order."""
    assert examples.examples(text) == blocks


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a\na.b()", set()),
        ("a.b()", {"a"}),
        ("def f():\n    return later", set()),
        ("class C(Base):\n    pass", {"Base"}),
        ("print(len([x for x in (1, 2)]))", set()),
        ("@app.route('/')\ndef f():\n    pass", {"app"}),
    ],
)
def test_undefined_names(examples: ModuleType, source: str, names: set[str]) -> None:
    """Only names that are needed when the example is loaded count as undefined."""
    assert examples.undefined_names(source) == names


@pytest.mark.parametrize(
    ("source", "shows"),
    [
        ("from ext import E\nE()", True),
        ("from ext import E", False),
        ("import other\nother.call()", False),
    ],
)
def test_example_shows_a_use(examples: ModuleType, source: str, *, shows: bool) -> None:
    """An example counts only if it imports the package and calls something."""
    assert examples.shows_a_use(source, ["ext", "ext.sub"]) is shows
