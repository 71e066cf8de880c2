"""
What the memory between runs needs of a journal's line, without parsing a line whose ends tell it all.

Only lines as we write them are read that way: the same fields, order and spelling as from `records.py`. Of
any other nothing is told, and it is to be parsed; a test holds both ways to the same answer.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

__all__ = ["finished", "head_of", "key_of", "microseconds", "names_of", "sent_us", "spelt"]

_IN_FLIGHT = 4_096

_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_BETWEEN = b'","request_key":"'

# The groups: both names and what is between them, the attempt, and something for an intent only.
head_of = re.compile(
    rb'\{"lineage_id":"(' + _UUID + _BETWEEN + _UUID + rb')","attempt":(\d{1,9}),"kind":"'
    rb'(?:(intent)"|outcome",(?:"provider_cost":"[^"\\]*",)?"status":2\d\d,"body":")'
).match

_TIME = len("2026-11-16T09:30:00.123456+00:00")
_END = b'"}\n'
_SENT, _FINISHED = b',"sent_at":"', b',"finished_at":"'
_TIMED = slice(-_TIME - len(_END), -len(_END))
_SENT_AT = slice(_TIMED.start - len(_SENT), _TIMED.start)
_FINISHED_AT = slice(_TIMED.start - len(_FINISHED), _TIMED.start)


def sent_us(line: bytes) -> int | None:
    """When an intent was written, in microseconds since 1970; None if its end does not tell."""
    if line[_SENT_AT] != _SENT or line[-3:] != _END or b"\0" in line:
        return None
    try:
        return microseconds(datetime.fromisoformat(line[_TIMED].decode()))
    except ValueError:
        return None


def finished(line: bytes) -> bool:
    """
    Whether an outcome that begins with a 2xx ends well, and its answer has certainly no error in it.

    In an answer the word may only stand in `"error": null`; and an escape could spell it in another way.
    """
    if line[_FINISHED_AT] != _FINISHED or line[-3:] != _END or b"\0" in line or b"\\u00" in line:
        return False
    said = line.count(b'\\"error\\"')
    return not said or said == line.count(b'\\"error\\":null') + line.count(b'\\"error\\": null')


@lru_cache(maxsize=_IN_FLIGHT)  # asked for again at every step of a request
def spelt(lineage: UUID, request_key: UUID) -> tuple[str, str]:
    """Both names of a request as text."""
    return str(lineage), str(request_key)


def names_of(lineage: UUID, request_key: UUID) -> bytes:
    """Both names of a request as they stand in a line."""
    return '","request_key":"'.join(spelt(lineage, request_key)).encode()


def key_of(names: bytes) -> bytes:
    """What a request is kept under: 16 bytes for its names."""
    return blake2b(names, digest_size=16).digest()


def microseconds(at: datetime) -> int:
    """Since 1970; a time without a zone is taken for local."""
    whole = at.astimezone(UTC) if at.tzinfo is None else at
    return round(whole.timestamp() * 1e6)
