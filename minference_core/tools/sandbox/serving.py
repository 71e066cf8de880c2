"""
What the process of a tool does: confine itself, run one text, and call the functions in it when asked.

Its other end is `process.py`. Nothing here may import more than it must: see `worker.py`.
"""

import inspect
import socket
import threading
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from minference_core.errors import ToolError
from minference_core.tools.interface import Interface, reason_of
from minference_core.tools.sandbox.channel import Channel, ChannelClosed, encode
from minference_core.tools.sandbox.confine import confine, die_with_parent
from minference_core.tools.sandbox.limits import SandboxLimits
from minference_core.tools.sandbox.text import function_named, run_text

__all__ = ["serve"]

_LONGEST_ERROR = 10_000


def serve(handle: int, parent: int) -> None:
    """Answer until the other end goes away."""
    die_with_parent(parent)
    channel = Channel(socket.socket(fileno=handle))
    served = _Served()
    try:
        channel.send(encode({"ready": True}))
        while True:
            channel.send(_reply(served, channel.receive()))
    except ChannelClosed:
        return


class _Served:
    """The text, once it has run, and those of its functions that were asked for."""

    def __init__(self) -> None:
        self.limits = SandboxLimits()
        self._text = ""
        self._names: dict[str, Any] = {}
        self._interfaces: dict[str, Interface] = {}

    def load(self, text: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Confine this process, for good, and then run the text."""
        self.limits = SandboxLimits.read(limits)
        self.out_of_memory = encode(
            {"error": f"it ran out of memory: it may use {self.limits.memory_mb} MiB", "stopped": True}
        )
        missing = confine(self.limits, Path.cwd())
        self._text = text
        self._names = run_text(text)
        return {"missing": missing}

    def describe(self, name: str | None) -> dict[str, Any]:
        """Find the function of a tool, and what it takes and gives."""
        entry, function = function_named(name, self._text, self._names)
        interface = self._interfaces[entry] = Interface(function, entry)
        return {"info": vars(interface.info(entry)), "parameters": interface.parameters}

    def call(self, entry: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if entry not in self._interfaces:
            self.describe(entry)
        interface = self._interfaces[entry]
        value = interface.call(arguments)
        return interface.answer(_completed(value) if inspect.isawaitable(value) else value)


def _completed(value: Awaitable[Any]) -> Any:
    import asyncio  # a quarter of the time a process takes to start, and few texts need it

    async def wait() -> Any:
        return await value

    return asyncio.run(wait())


def _reply(served: _Served, request: dict[str, Any]) -> bytes:
    """What came of a request, ready to send: whatever goes wrong in the text is an answer, too."""
    try:
        result = getattr(served, request["do"])(**request["with"])
        return _measured(encode({"result": result, **_used()}), served.limits)
    except MemoryError:
        return served.out_of_memory
    except BaseException as exc:  # noqa: BLE001 (the text is anybody's, and may raise anything)
        return encode({"error": reason_of(exc)[:_LONGEST_ERROR], **_used()})


def _used() -> dict[str, Any]:
    """How much of this process is used up; threads that a call left behind go on using it."""
    return {"cpu_s": time.process_time(), "left_threads": threading.active_count() - 1}


def _measured(encoded: bytes, limits: SandboxLimits) -> bytes:
    if len(encoded) > limits.result_bytes:
        raise ToolError(f"its result has {len(encoded):,} bytes; it may have {limits.result_mb} MiB")
    return encoded
