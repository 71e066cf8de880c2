"""Names as providers make them: random letters and digits after a prefix."""

import os
from random import Random

__all__ = ["fresh_hex", "fresh_id", "made_id"]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def made_id(prefix: str, rng: Random, length: int = 24) -> str:
    """An id that belongs to an answer, so the same answer has the same id."""
    return prefix + "".join(rng.choices(_BASE62, k=length))


def fresh_id(prefix: str, length: int = 24) -> str:
    """An id no other response ever had."""
    return prefix + "".join([_BASE58[byte % 58] for byte in os.urandom(length)])


def fresh_hex() -> str:
    """32 hexadecimal digits."""
    return os.urandom(16).hex()
