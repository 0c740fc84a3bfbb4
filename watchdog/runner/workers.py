"""Worker threads that take the most urgent work first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class Workers:
    """Threads that take the piece of lowest rank first."""

    count: int
    _heap: list[tuple[Any, int, Future[Any], Callable[[], Any]]] = field(default_factory=list)
    _more: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False
    _lost: MemoryError | None = None

    def __post_init__(self) -> None:
        self._order = itertools.count()
        self._threads = [threading.Thread(target=self._work) for _ in range(self.count)]
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:  # there is no memory for so many; those that wait would wait for ever
            self.stop()
            raise

    def submit(self, rank: tuple[Any, ...], work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._more:
            if self._lost:  # nobody is left who would do it
                raise self._lost
            heapq.heappush(self._heap, (rank, next(self._order), future, work))
            self._more.notify()
        return future

    def stop(self) -> None:
        """Drop what has not begun, wait for what has."""
        with self._more:
            self._ended = True
            for _, _, future, _ in self._heap:
                future.cancel()
            self._heap.clear()
            self._more.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        try:
            while piece := self._next():
                future, work = piece
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(work())
                except BaseException as e:  # noqa: BLE001  handed to whoever waits
                    future.set_exception(e)
        except MemoryError as e:  # there is not even enough to wait: what waits hears of it
            self._give_up(e)

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._more:
            while not self._heap and not self._ended:
                self._more.wait()
            if self._ended:
                return None
            _, _, future, work = heapq.heappop(self._heap)
            return future, work

    def _give_up(self, why: MemoryError) -> None:
        with self._more:
            self._ended, self._lost = True, why
            for _, _, future, _ in self._heap:
                future.set_exception(why)
            self._heap.clear()
