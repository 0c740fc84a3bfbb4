"""A preloaded module is imported as a fresh interpreter imports it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from watchdog.sandbox.supervisor import preload

FOLDER = Path(preload.__file__).parent

# Runs `ACTION` in a process where `NAMES` are preloaded from a folder.
PRELOADED = """
import sys
FRESH = set(sys.modules)
sys.path.append(sys.argv[1])
preload = type(sys)("preload")
exec(open(sys.argv[2]).read(), vars(preload))
provider = preload.Provider(preload.load(sys.argv[3].split(), FRESH))
provider.hide(FRESH)
"""

# Prints what importing each module brings, each in a fork: modules, and which parts each has.
EVERY_IMPORT = """
import os
def brought(name, before):
    try:
        __import__(name)
    except ImportError as e:
        return str(e)
    return sorted(
        " ".join([other] + sorted(n for n in vars(module) if other + "." + n in sys.modules))
        for other, module in sys.modules.items()
        if other not in before
    )
def report(names):
    before = set(sys.modules)
    for name in names:
        read, write = os.pipe()
        if os.fork() == 0:
            with os.fdopen(write, "w") as out:
                print(*brought(name, before), sep=", ", file=out)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as answer:
            print(name, answer.read().strip())
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *arguments], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of modules that say when their code is run."""
    files = {
        "plain.py": "print('plain is run')\nVALUE = []\n",
        "uses.py": "import plain\ndef late():\n    import late_one\n",
        "late_one.py": "",
        "held.py": "def kept():\n    pass\ndef unused():\n    pass\n",
        "holds.py": "from held import kept\n",
        "pack/__init__.py": "from . import inner\n",
        "pack/inner.py": "",
        "pack/outer.py": "",
        "ring_a.py": "import ring_b\n",
        "ring_b.py": "import ring_a\n",
        "warns.py": "import warnings\nwarnings.warn('old', DeprecationWarning)\n",
        "uses_warns.py": "import warns\n",
        "place.py": "import sys\nprint('place is run')\nPREFIX = {'p': sys.prefix}\n",
        "broken.py": "import plain\nimport nothing_there\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def preloaded(modules: Path, names: str, action: str) -> list[str]:
    """Return the lines that an action prints where modules are preloaded."""
    return run(PRELOADED + action, str(modules), str(FOLDER / "preload.py"), names).splitlines()


@pytest.mark.parametrize(
    ("names", "action", "printed"),
    [
        pytest.param("plain", "", ["plain is run"], id="run once"),
        pytest.param("plain", "import plain", ["plain is run"], id="not run again"),
        pytest.param(
            "plain",
            "import plain\nprint(plain.__spec__.name, type(plain.__spec__.loader).__name__)",
            ["plain is run", "plain SourceFileLoader"],
            id="its own spec",
        ),
        pytest.param(
            "plain",
            "import importlib, plain\nimportlib.reload(plain)",
            ["plain is run", "plain is run"],
            id="reloaded",
        ),
        pytest.param(
            "plain",
            "import importlib.util\nprint(importlib.util.find_spec('plain').name)\n"
            "print('plain' in sys.modules)\nimport plain",
            ["plain is run", "plain", "False"],
            id="found but not imported",
        ),
        pytest.param(
            "plain",
            "import importlib.util\nspec = importlib.util.find_spec('plain')\n"
            "copy = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(copy)\n"
            "print(copy.VALUE, copy.__file__ == spec.origin, spec.loader.is_package('plain'))\n"
            "import plain\nprint(copy.VALUE is plain.VALUE, copy.__cached__ == plain.__cached__)",
            ["plain is run", "plain is run", "[] True False", "False True"],
            id="a copy of one's own",
        ),
        pytest.param(
            "uses",
            "import importlib.util\nspec = importlib.util.find_spec('plain')\n"
            "spec = importlib.util.spec_from_file_location('plain', spec.origin)\n"
            "sys.modules['plain'] = copy = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(copy)\nimport uses\nprint(uses.plain is copy)",
            ["plain is run", "plain is run", "True"],
            id="one that was loaded from elsewhere",
        ),
        pytest.param(
            "uses",
            "import uses\nprint('plain' in sys.modules, 'late_one' in sys.modules)",
            ["plain is run", "True False"],
            id="brings what it imports",
        ),
        pytest.param(
            "pack.outer pack",
            "import pack\nprint(hasattr(pack, 'inner'), hasattr(pack, 'outer'))\n"
            "import pack.outer\nprint(hasattr(pack, 'outer'))",
            ["True False", "True"],
            id="a part that nobody imported",
        ),
        pytest.param(
            "ring_a", "import ring_b\nprint(ring_b.ring_a.ring_b is ring_b)", ["True"], id="a ring"
        ),
        pytest.param(
            "uses_warns warns",
            "import warnings\nwarnings.simplefilter('error')\n"
            "try:\n    import uses_warns\nexcept DeprecationWarning as e:\n    print(e)",
            ["old"],
            id="one that warns",
        ),
        pytest.param("place", "import place", ["place is run"] * 2, id="one that keeps a path"),
        pytest.param(
            "broken nowhere",
            "try:\n    import broken\nexcept ImportError as e:\n    print(e)",
            ["plain is run", "plain is run", "No module named 'nothing_there'"],
            id="one that fails",
        ),
        pytest.param(
            "plain",
            "import os, tempfile\nfolder = tempfile.mkdtemp()\n"
            "open(folder + '/plain.py', 'w').write('print(2)')\n"
            "sys.path.insert(0, folder)\nimport plain",
            ["plain is run", "2"],
            id="another one before it",
        ),
        pytest.param(
            "plain uses",
            "import plain, textwrap\nplain.more = 1\nprint(provider.changed())\n"
            "plain.VALUE = len\nprint(provider.changed())",
            ["plain is run", "[]", "[]"],
            id="nothing replaced",
        ),
        pytest.param(
            "holds",
            "import held, holds\nheld.kept = len\nheld.unused = len\nprint(provider.changed())",
            ["['held.kept']"],
            id="a function replaced that another one holds",
        ),
    ],
)
def test_import(modules: Path, names: str, action: str, printed: list[str]) -> None:
    """A preloaded module appears when it is imported, with what it imports, and nothing else."""
    assert preloaded(modules, names, action) == printed


def test_every_import(modules: Path) -> None:
    """Importing any module of the standard library brings the same as in a fresh interpreter."""
    source = (FOLDER / "interpreter.py").read_text("utf-8")
    names = json.dumps(source.split('NAMES = """')[1].split('"""')[0].split())
    action = f"{EVERY_IMPORT}\nreport({names})"
    fresh = run("import sys\n" + action).splitlines()
    listed = " ".join(json.loads(names))
    found = preloaded(modules, listed, "del provider, preload\n" + action)
    assert len(found) == len(json.loads(names))
    assert {a: b for a, b in zip(found, fresh, strict=True) if a != b} == {}
