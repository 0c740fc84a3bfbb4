"""Worker threads that take the most urgent work first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

T = TypeVar("T")


@dataclass
class Workers:
    """A pool of threads that takes the work of lowest rank first.

    Attributes:
        count: number of threads.
    """

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
        except RuntimeError:  # no memory for so many; the threads that run would wait for ever
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def submit(self, rank: tuple[Any, ...], work: Callable[[], T]) -> Future[T]:
        """Queue a function to be run by a thread; return the future of its result.

        Args:
            rank: what is smaller runs first; all ranks of a pool can be compared.
            work: the function.

        Raises:
            MemoryError: the threads ended for lack of memory.
        """
        future: Future[T] = Future()
        with self._more:
            if self._lost:  # no thread is left to do it
                raise self._lost
            heapq.heappush(self._heap, (rank, next(self._order), future, work))
            self._more.notify()
        return future

    def hurry(self, future: Future[Any], first: int) -> None:
        """Let work that has not begun run as early as a smaller first part of its rank says.

        Args:
            future: of the work, as `submit` returned it.
            first: the first part of the new rank, if the work has a larger one.
        """
        with self._more:
            for place, (rank, order, queued, work) in enumerate(self._heap):
                if queued is future and first < rank[0]:
                    self._heap[place] = ((first, *rank[1:]), order, queued, work)
                    heapq.heapify(self._heap)
                    return

    def stop(self) -> None:
        """Cancel the work that has not begun and wait for the rest."""
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
            while item := self._next():
                future, work = item
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(work())
                except BaseException as e:  # noqa: BLE001  raised again where the result is awaited
                    future.set_exception(e)
        except MemoryError as e:  # not even enough to wait for work: fail what is queued
            self._give_up(e)

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._more:
            while not self._heap and not self._ended:
                self._more.wait()
            if self._ended:
                return None
            _, _, future, work = heapq.heappop(self._heap)
            return future, work

    def _give_up(self, error: MemoryError) -> None:
        with self._more:
            self._ended, self._lost = True, error
            for _, _, future, _ in self._heap:
                future.set_exception(error)
            self._heap.clear()
