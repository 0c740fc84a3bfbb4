"""Lets atheris search for inputs that reach new code: `python atheris_driver.py TARGET CORPUS …`.

Further arguments are passed to libFuzzer (`-max_total_time=180`). An input that violates the
property is written to the current folder and ends the program with a traceback.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

import atheris

TESTS = Path(__file__).parent.parent


def main() -> None:
    """Fuzz one target."""
    name, corpus, *options = sys.argv[1:]
    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["watchdog", "yaml", "packaging", "email", "zipfile"]):
        target = importlib.import_module(f"fuzz.{name}")
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.SEEDS):
        (folder / f"seed-{number}").write_bytes(seed)
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as words:
        for word in target.WORDS:
            words.write('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n')
    atheris.Setup(
        [
            sys.argv[0],
            str(folder),
            f"-dict={words.name}",
            "-timeout=30",
            "-rss_limit_mb=2048",
            "-max_len=4096",
            *options,
        ],
        target.check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
