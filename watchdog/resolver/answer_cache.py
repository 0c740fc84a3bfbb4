"""Keeps the resolver's answers on disk. Losing them costs time, never correctness."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog.model.fingerprint import digest
from watchdog.model.lock import Resolution, Unbuildable

_BUILD_FAILURE_LASTS = 24 * 3600.0
"""Seconds for which a failed build is kept: a compiler may be installed meanwhile."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS answers (question TEXT, looked_at TEXT, state TEXT, answer TEXT,
    kept REAL, PRIMARY KEY (question, looked_at, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (id TEXT PRIMARY KEY, names TEXT);
"""
# question: digest of a request; looked_at: id of the set of packages that the answer depends on;
# state: digest of what the index showed of them; kept: when it was stored, in Unix time.

_RESOLUTION: TypeAdapter[Resolution] = TypeAdapter(Resolution)
_NAMES = TypeAdapter(list[str])


class AnswerCache:
    """An SQLite file of answers; safe to use from several threads and processes.

    A damaged file is replaced. Where none can be written, answers are kept in memory.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
        except (sqlite3.DatabaseError, OSError):
            try:
                path.unlink(missing_ok=True)
                self._db = _open(path)
            except (sqlite3.DatabaseError, OSError):  # the disk is full, or read-only
                self._db = _open(":memory:")

    def package_sets(self, request: str) -> dict[str, list[str]]:
        """Return the sets of packages that answers to a request depend on, by their id."""
        rows = self._rows(
            "SELECT DISTINCT id, names FROM answers JOIN names ON id = looked_at"
            " WHERE question = ?",
            request,
        )
        sets = {}
        for package_set, names in rows:
            with contextlib.suppress(ValidationError):  # written by another version of this program
                sets[package_set] = _NAMES.validate_json(names)
        return sets

    def get(self, request: str, package_set: str, state: str) -> Resolution | None:
        """Return the answer to a request at this state of these packages, if there is one."""
        rows = self._rows(
            "SELECT answer, kept FROM answers WHERE question = ? AND looked_at = ? AND state = ?",
            request,
            package_set,
            state,
        )
        for text, stored_at in rows:
            with contextlib.suppress(ValidationError):  # written by another version of this program
                answer: Resolution = _RESOLUTION.validate_json(text)
                fresh = time.time() - stored_at < _BUILD_FAILURE_LASTS
                if fresh or not isinstance(answer, Unbuildable):
                    return answer
        return None

    def put(self, request: str, names: list[str], state: str, answer: Resolution) -> None:
        """Store an answer that depends on the packages `names` in this state."""
        package_set = digest(names)
        names_json = _NAMES.dump_json(names).decode()
        answer_json = _RESOLUTION.dump_json(answer).decode()
        with self._lock, contextlib.suppress(sqlite3.Error), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO names VALUES (?, ?)", (package_set, names_json)
            )
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                (request, package_set, state, answer_json, time.time()),
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none if it fails."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            return self._db.execute(sql, values).fetchall()
        return []


def _open(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        db.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
