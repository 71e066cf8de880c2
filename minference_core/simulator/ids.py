"""Names as providers make them: random letters and digits after a prefix."""

import os
from hashlib import blake2b

__all__ = ["Ids", "fresh_hex", "fresh_id"]

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = bytes([_BASE62[byte % 62] for byte in range(256)])


class Ids:
    """
    The ids inside one answer: another sending of the same request gets others, another run the same again.
    """

    def __init__(self, sending: bytes) -> None:
        self._sending = sending
        self._made = 0

    def make(self, prefix: str, length: int = 24) -> str:
        self._made += 1
        digest = blake2b(bytes([self._made % 256]), digest_size=length, key=self._sending).digest()
        return prefix + _spelt(digest)


def fresh_id(prefix: str, length: int = 24) -> str:
    """An id no other response ever had."""
    return prefix + _spelt(os.urandom(length))


def fresh_hex() -> str:
    """32 hexadecimal digits."""
    return os.urandom(16).hex()


def _spelt(raw: bytes) -> str:
    return raw.translate(_LETTERS).decode("ascii")
