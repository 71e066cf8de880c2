"""
Who may go next: so many calls at once, and no more than some of them of one text.

A text that hangs holds its own turns for as long as it may; those of others are left alone.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Turns"]

T = TypeVar("T")


class Turns(Generic[T]):
    """
    Runs calls in threads, first come, first served among those that may.

    Args:
        at_once: Calls under way.
        of_one: Calls under way of one text.
    """

    def __init__(self, *, at_once: int, of_one: int) -> None:
        self._at_once = at_once
        self._of_one = of_one
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Callable[[], T], Future[T]]] = deque()
        self._running: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="minference-sandbox-call")

    def submit(self, text: str, work: Callable[[], T]) -> Future[T]:
        """Have `work` done when it is the text's turn; a future cancelled before that never runs."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append((text, work, future))
            self._start()
        return future

    def _start(self) -> None:
        """Start all that may; the lock is held."""
        passed: list[tuple[str, Callable[[], T], Future[T]]] = []
        while self._waiting and self._running.total() < self._at_once:
            one = self._waiting.popleft()
            if self._running[one[0]] < self._of_one:
                self._running[one[0]] += 1
                self._threads.submit(self._run, *one)
            else:
                passed.append(one)
        self._waiting.extendleft(reversed(passed))

    def _run(self, text: str, work: Callable[[], T], future: Future[T]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(work())
        except BaseException as exc:  # noqa: BLE001 (it is raised where the result is asked for)
            future.set_exception(exc)
        finally:
            with self._lock:
                self._running[text] -= 1
                self._running += Counter()  # forget texts that have none
                self._start()
