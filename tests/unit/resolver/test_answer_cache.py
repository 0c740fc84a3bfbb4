"""Answers of the resolver that are kept on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from watchdog.model.lock import Lock
from watchdog.resolver.answer_cache import AnswerCache

LOCK = Lock((("flask", "3.1.0"),))


def test_rows_of_another_version(tmp_path: Path) -> None:
    """What another version of the program has stored is not used, and is replaced."""
    path = tmp_path / "answers.sqlite"
    with closing(AnswerCache(path)) as cache:
        cache.put("question", ["flask"], "state", LOCK)
        ((package_set, names),) = cache.package_sets("question").items()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE names SET names = ?", (b"x\x9c\x00",))
        db.execute("UPDATE answers SET answer = ?", (b"x\x9c\x00",))
    with closing(AnswerCache(path)) as cache:
        assert cache.package_sets("question") == {}
        assert cache.get("question", package_set, "state") is None
        cache.put("question", ["flask"], "state", LOCK)
        assert cache.package_sets("question") == {package_set: names}
        assert cache.get("question", package_set, "state") == LOCK
