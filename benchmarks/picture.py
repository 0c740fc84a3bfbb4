"""Draws docs/bench.svg from docs/bench.json: cells per minute, as shares of the floor."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
ROWS = (
    ("floor", "the smokes alone, environments ready"),
    ("watchdog warm", "watchdog"),
    ("watchdog cold", "watchdog, empty caches"),
    ("tox-uv warm", "tox with tox-uv"),
    ("nox, uv warm", "nox with uv"),
    ("nox, pip warm", "nox with virtualenv and pip"),
    ("nox, pip cold", "nox with virtualenv and pip, empty caches"),
)
WIDTH, LABEL, ROW = 720, 290, 26


def draw(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return an SVG with a bar for each tool."""
    costs = results["costs"]
    rates = {name: costs[name]["cells"] / costs[name]["wall"] for name, _ in ROWS if name in costs}
    rows = []
    for number, (name, label) in enumerate(row for row in ROWS if row[0] in rates):
        share = rates[name] / rates["floor"]
        top, length = 10 + number * ROW, max(round((WIDTH - LABEL - 60) * share, 1), 1)
        rows.append(
            f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end">{label}</text>'
            f'<rect x="{LABEL}" y="{top + 3}" width="{length}" height="16" rx="2"/>'
            f'<text x="{LABEL + length + 6}" y="{top + 15}">{100 * share:.0f} %</text>'
        )
    height = 20 + len(rows) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Cells a minute, as shares of what the smokes alone would take">'
        "<style>text{font:13px system-ui,sans-serif;fill:#57534e}rect{fill:#0f766e}"
        "@media (prefers-color-scheme:dark){text{fill:#d6d3d1}rect{fill:#2dd4bf}}</style>"
        + "".join(rows)
        + "</svg>\n"
    )


if __name__ == "__main__":
    (DOCS / "bench.svg").write_text(draw(json.loads((DOCS / "bench.json").read_text("utf-8"))))
