"""Questions to the resolver, each answered once for as long as the index shows the same.

An answer depends on the question and on what the index showed of the packages that the resolver
looked at, which it names in its log. So an answer is kept beside a digest of those pages as they
stood at the cutoff: where a later question, at whatever cutoff, meets the same pages, the kept
answer is the answer. We and the resolver read a page at different moments; so while a page shows
an upload of the last hour, which one of us may have missed, no answer that rests on it is kept.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import TypeAdapter, ValidationError

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.model.release import Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv

_RULES = 2
"""Counts up when kept answers would be read with other rules than they were made by."""

_ROUNDS = 6
"""Each round reads pages not read before; answers settle in two or three."""

_BUILD_LASTS = 24 * 3600.0
"""Seconds for which a failed build is believed: a compiler may be installed meanwhile."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS answers (question TEXT, looked_at TEXT, state TEXT, answer TEXT,
    kept REAL, PRIMARY KEY (question, looked_at, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (id TEXT PRIMARY KEY, names TEXT);
"""
_SETTLED = timedelta(hours=1)
"""How long an upload may take to be seen by every reader of an index and its mirrors."""

_KEPT: TypeAdapter[Resolution] = TypeAdapter(Resolution)
_NAMES = TypeAdapter(list[str])
_NOWHERE = "not on the index"


@dataclass
class _Kept:
    """The answers on disk. Losing them costs time, never truth."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._open(self.path)
        except (sqlite3.DatabaseError, OSError):
            try:
                self.path.unlink(missing_ok=True)
                self._db = self._open(self.path)
            except (sqlite3.DatabaseError, OSError):  # the disk is full, or read-only
                self._db = self._open(":memory:")

    def _open(self, path: Path | str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=30, check_same_thread=False)
        try:
            db.executescript(_SCHEMA)
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with self._lock, contextlib.suppress(sqlite3.Error):
            return self._db.execute(sql, values).fetchall()
        return []

    def looked_at(self, question: str) -> dict[str, list[str]]:
        """The sets of packages that answers to this question rested on, by their id."""
        rows = self._rows(
            "SELECT DISTINCT id, names FROM answers JOIN names ON id = looked_at"
            " WHERE question = ?",
            question,
        )
        return {row[0]: _NAMES.validate_json(row[1]) for row in rows}

    def get(self, question: str, looked_at: str, state: str) -> Resolution | None:
        rows = self._rows(
            "SELECT answer, kept FROM answers WHERE question = ? AND looked_at = ? AND state = ?",
            question,
            looked_at,
            state,
        )
        for text, kept in rows:
            with contextlib.suppress(ValidationError):  # written by another version of this program
                answer: Resolution = _KEPT.validate_json(text)
                if not isinstance(answer, Unbuildable) or time.time() - kept < _BUILD_LASTS:
                    return answer
        return None

    def put(self, question: str, names: list[str], state: str, answer: Resolution) -> None:
        looked_at = digest(names)
        listed, told = _NAMES.dump_json(names).decode(), _KEPT.dump_json(answer).decode()
        with self._lock, contextlib.suppress(sqlite3.Error), self._db:
            self._db.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (looked_at, listed))
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                (question, looked_at, state, told, time.time()),
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()


class Resolver:
    """Locks for questions; safe to use from several threads.

    What is asked of the framework comes first where the oldest of something is wanted.
    """

    def __init__(self, uv: Uv, index: Index, folder: Path, framework: str) -> None:
        self._uv = uv
        self._framework = framework
        self._index = index
        self._kept = _Kept(folder / "answers.sqlite")
        self._refreshed: dict[str, Future[None]] = {}
        self._refreshing = threading.Lock()
        self._expected: set[str] = set()
        self._begun = False

    def close(self) -> None:
        self._kept.close()

    def prefetch_pages(self, questions: Iterable[tuple[LockRequest, Interpreter]]) -> None:
        """Read at once the pages that answers to these questions rested on before.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        names: set[str] = set()
        for question, interpreter in questions:
            names |= {_name(r) for r in question.requirements}
            for found in self._kept.looked_at(self._key(question, interpreter)).values():
                names |= set(found)
        self._expected |= names
        try:
            self._index.read(names)
        except OfflineError:  # what is missing is met again, with its own question at hand
            return

    def answer(self, question: LockRequest, interpreter: Interpreter) -> Resolution:
        """The lock for a question, or why there is none.

        Never raises for what a package does; trouble of ours is `Unknown`.
        """
        return self.lock_and_names(question, interpreter)[0]

    def lock_and_names(
        self, question: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        """The answer, and the packages whose pages it rests on."""
        try:
            key = self._key(question, interpreter)
            for looked_at, names in self._kept.looked_at(key).items():
                state = self._state(names, question)
                if state and (kept := self._kept.get(key, looked_at, state)) is not None:
                    return kept, frozenset(names)
            answer, consulted = self._ask(question, interpreter)
            names = sorted(consulted)
            settled = not isinstance(answer, NoAnswer) and self._quiet(names, question)
            if settled and (state := self._state(names, question)):
                self._kept.put(key, names, state, answer)
        except InfrastructureError as e:
            return NoAnswer(str(e)), frozenset()
        return answer, consulted

    def _key(self, question: LockRequest, interpreter: Interpreter) -> str:
        return digest(
            _RULES,
            self._uv.identity,
            question.requirements,
            (self._framework, *question.oldest) if question.oldest else (),
            question.constraints,
            [name for name, _ in question.later],
            (interpreter.version, interpreter.platform),
        )

    def _state(self, names: Iterable[str], question: LockRequest) -> str | None:
        """What the index shows of these packages at the question's cutoffs, as a digest."""
        later = dict(question.later)
        states: list[tuple[str, str]] = []
        for name in names:
            try:
                page = self._index.page(name)
            except OfflineError:
                return None
            cutoff = later.get(name, question.as_of)
            states.append((name, _NOWHERE if page is None else page.state(cutoff)))
        return digest(states)

    def _ask(
        self, question: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        if not question.oldest:
            return self._settled(question.requirements, question, interpreter)
        # First which version is the oldest allowed, then everything with that version pinned.
        base = [r for r in question.requirements if _name(r) in (self._framework, *question.oldest)]
        others = [r for r in question.requirements if r not in base]
        missing = [n for n in question.oldest if n not in {_name(r) for r in base}]
        asked = (*base, *missing) if base else (*others, *missing)
        lowest, first = self._settled(asked, question, interpreter, lowest=True)
        if not isinstance(lowest, Lock):
            return lowest, first
        pins = [f"{n}=={v}" for n in question.oldest if (v := lowest.version(n))]
        kept = [r for r in question.requirements if _name(r) not in question.oldest]
        answer, second = self._settled((*kept, *pins), question, interpreter)
        return answer, first | second

    def _settled(
        self,
        requirements: tuple[str, ...],
        question: LockRequest,
        interpreter: Interpreter,
        *,
        lowest: bool = False,
    ) -> tuple[Resolution, frozenset[str]]:
        """The answer that rests on pages read in this run only."""
        consulted = frozenset(_name(r) for r in requirements)
        for _ in range(_ROUNDS):
            self._refresh(consulted, interpreter, bulk_only=True)
            answer = self._uv.ask(
                requirements,
                interpreter,
                question.as_of,
                later=question.later,
                constraints=question.constraints,
                lowest=lowest,
                online=not consulted <= set(self._refreshed),
            )
            if isinstance(answer.resolution, NoAnswer):
                break
            consulted |= answer.looked_at
            self._note(answer.read)
            if self._uv.offline or consulted <= set(self._refreshed):
                break
            self._refresh(consulted, interpreter)
        return answer.resolution, consulted

    def _quiet(self, names: Iterable[str], question: LockRequest) -> bool:
        """Whether no upload that counts here is so young that a reader may have missed it."""
        young = datetime.now(UTC) - _SETTLED
        if question.as_of < young:
            return True
        pages = [self._index.page(name) for name in names]
        return all(p is None or p.state(young) == p.state(question.as_of) for p in pages)

    def _note(self, names: Iterable[str]) -> None:
        """Remember that uv has read these pages just now."""
        done: Future[None] = Future()
        done.set_result(None)
        with self._refreshing:
            for name in names:
                self._refreshed.setdefault(name, done)

    def _refresh(
        self, names: Iterable[str], interpreter: Interpreter, *, bulk_only: bool = False
    ) -> None:
        """Have uv read the pages of these packages anew, once a run.

        The first call also takes all pages that earlier answers rested on; with `bulk_only` the
        other calls do nothing, since a question that is asked online reads its pages itself.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        if self._uv.offline:
            return
        names = set(names)
        with self._refreshing:
            mine = names - set(self._refreshed)
            first, self._begun = not self._begun, True
            if first:
                mine |= self._expected
            elif bulk_only:
                mine = set()
            done: Future[None] = Future()
            self._refreshed |= dict.fromkeys(mine, done)
        if mine:
            try:
                self._uv.refresh(sorted(mine), interpreter)
            except BaseException as e:
                with self._refreshing:
                    for name in mine:
                        del self._refreshed[name]
                done.set_exception(e)
                raise
            done.set_result(None)
        for name in names:  # what another thread is reading right now
            if (reading := self._refreshed.get(name)) is not None:
                reading.result()


def _name(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement
