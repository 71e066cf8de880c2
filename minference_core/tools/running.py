"""
Functions of this process, called without blocking an event loop and with every failure told as one.

A thread cannot be stopped from outside. What must be stoppable is made from text: `sandbox/`.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from minference_core.errors import ToolFailed, ToolStopped
from minference_core.tools.hints import is_async_callable
from minference_core.tools.interface import Interface, reason_of

__all__ = ["arun", "ensure_async", "run"]

T = TypeVar("T")


async def ensure_async(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Await an async function; call any other in a thread, so that the event loop goes on."""
    if is_async_callable(func):
        return await func(*args, **kwargs)
    return await asyncio.to_thread(func, *args, **kwargs)


def run(
    interface: Interface, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
) -> dict[str, Any]:
    """
    Call a function and wait for its result; an async one runs in an event loop of its own.

    Args:
        called: What a failure says was executed.
        timeout_s: Wait no longer than this, in seconds. A function that is not async goes on in its
            thread, unheard: it is reported, not stopped.

    Raises:
        ToolFailed: It raised, or its arguments or result do not fit.
        ToolStopped: The time is over.
    """
    if timeout_s is None:
        return _run_here(interface, arguments, called)
    try:
        return _in_thread(lambda: _run_here(interface, arguments, called)).result(timeout_s)
    except TimeoutError:
        raise _too_slow(called, timeout_s) from None


async def arun(
    interface: Interface, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
) -> dict[str, Any]:
    """
    Await an async function, or call another in a thread; see `run`.

    Raises:
        ToolFailed: As `run`.
        ToolStopped: As `run`; an async function is cancelled.
    """
    try:
        async with asyncio.timeout(timeout_s):
            if interface.is_async:
                return await _await_here(interface, arguments, called)
            # Not `to_thread`: its threads are few, all share them, and they are joined when the loop ends.
            return await asyncio.wrap_future(_in_thread(lambda: _run_here(interface, arguments, called)))
    except TimeoutError:
        raise _too_slow(called, timeout_s or 0) from None


def _run_here(interface: Interface, arguments: Mapping[str, Any], called: str) -> dict[str, Any]:
    with _failures(called):
        value = interface.call(arguments)
        return interface.answer(_completed(value) if inspect.isawaitable(value) else value)


async def _await_here(interface: Interface, arguments: Mapping[str, Any], called: str) -> dict[str, Any]:
    with _failures(called):
        return interface.answer(await interface.call(arguments))


@contextmanager
def _failures(called: str) -> Iterator[None]:
    """
    Whatever a tool raises is a failed call, `sys.exit()` included: it ends no program and no batch.

    Ctrl-C and a task's cancellation are not the tool's, and pass.
    """
    try:
        yield
    except (Exception, SystemExit) as exc:
        raise ToolFailed(called, reason_of(exc)) from exc


def _completed(value: Awaitable[T]) -> T:
    """The value of an awaitable, for a caller that cannot await it."""

    async def wait() -> T:
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    return _in_thread(lambda: asyncio.run(wait())).result()


def _in_thread(work: Callable[[], T]) -> Future[T]:
    """Run in a thread that the end of the program does not wait for."""
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def body() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(context.run(work))
        except BaseException as exc:  # noqa: BLE001 (it is raised where the result is asked for)
            future.set_exception(exc)

    threading.Thread(target=body, name="minference-tool", daemon=True).start()
    return future


def _too_slow(called: str, timeout_s: float) -> ToolStopped:
    return ToolStopped(called, f"no result after {timeout_s:g} s")
