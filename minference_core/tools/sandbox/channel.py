"""
JSON messages over a socket, each after its length: the line between a program and a tool's process.

Both ends use this. A message that is too long or no JSON is an error and ends the line: it is
the text of some tool that sits at the other end.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

from minference_core import ids

__all__ = ["Channel", "ChannelClosed", "encode"]

_LENGTH = struct.Struct(">I")

# A call's arguments and its result; far beyond what a model writes, well below what hurts.
LONGEST = 64 * 1024 * 1024
_PIECE = 1024 * 1024


class ChannelClosed(ConnectionError):
    """The other end is gone."""


def encode(message: Mapping[str, Any]) -> bytes:
    """
    Raises:
        ValueError: It is longer than a message may be.
    """
    body = json.dumps(message, allow_nan=False).encode()
    if len(body) > LONGEST:
        raise ValueError(f"it has {len(body):,} bytes; at most {LONGEST:,} can be handed over")
    return _LENGTH.pack(len(body)) + body


class Channel:
    """One end of the line."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, encoded: bytes, timeout_s: float | None = None) -> None:
        """
        Raises:
            ChannelClosed: Nobody reads it.
            TimeoutError: Nobody has read it in time.
        """
        self._end.settimeout(timeout_s)
        try:
            self._end.sendall(encoded)
        except ConnectionError as exc:
            raise ChannelClosed from exc

    def receive(self, deadline: float | None = None) -> dict[str, Any]:
        """
        The next message.

        Args:
            deadline: When its last byte has to be there, by `time.monotonic()`; None to wait for ever.

        Raises:
            ChannelClosed: There will be none.
            TimeoutError: There is none yet.
            ValueError: It is no message of ours.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        if length > LONGEST:
            raise ValueError(f"a message of {length:,} bytes")
        message = ids.parse_json(self._exactly(length, deadline).decode())
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")  # noqa: TRY004 (the text is wrong, not a type)
        return message

    def close(self) -> None:
        self._end.close()

    def _exactly(self, count: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            # Anew each time: whoever trickles bytes gets no more time than others.
            self._end.settimeout(None if deadline is None else max(1e-6, deadline - time.monotonic()))
            try:
                part = self._end.recv(min(count - len(parts), _PIECE))
            except ConnectionError as exc:
                raise ChannelClosed from exc
            if not part:
                raise ChannelClosed
            parts += part
        return bytes(parts)
