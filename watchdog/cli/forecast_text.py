"""Writes a forecast as text for the terminal."""

from __future__ import annotations

from watchdog.model.python_series import PYTHON
from watchdog.report.views.forecast import earliest
from watchdog.storage.forecast import Forecast


def forecast_text(forecast: Forecast) -> str:
    """Return a forecast as lines of text, the most used subjects first."""
    when = f"as of {forecast.as_of:%Y-%m-%d %H:%M} UTC, on Python {forecast.python}"
    lines = [f"What breaks next, {when}: {len(forecast.risks) or 'nothing'}"]
    for risk in forecast.risks:
        lines.append(f"{risk.kind}: {risk.subject} {risk.version}: {risk.symbol}")
        lines.append(f"  {risk.text}")
        if risk.file:
            lines.append(f"  {risk.file}:{risk.line}: {risk.code}")
        title = "Python" if risk.package == PYTHON else risk.package
        lines.append(f"  {earliest(risk, title)}")
    return "\n".join(lines)
