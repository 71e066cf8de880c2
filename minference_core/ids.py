"""
Content to id: the one recipe behind every version id, lineage id and request key.

A version id is a UUID version 8 (RFC 9562): 48 bits of its lineage's birth instant in epoch
milliseconds, then 74 bits of SHA-256 over the canonical JSON of what it names. The time prefix
keeps a day's ids together in the store (random ids read 6 to 18 times slower); the hash makes
the same content the same id on every machine, so that making things again is harmless.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

__all__ = [
    "canonical_json",
    "content_hash",
    "fresh_lineage_id",
    "hash_uuid",
    "json_text",
    "lineage_id",
    "parse_json",
    "prefixed_uuid",
    "version_id",
]

_ALIKE = frozenset({str, int, bool, type(None), UUID})
_TEXT = frozenset({str})
_VERSION_8 = 0x8 << 76
_VARIANT = 0b10 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical_json(value: object) -> bytes:
    """
    The one spelling of a JSON value: sorted keys, no blanks, UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot say.
        TypeError: Something in `value` is not JSON.
    """
    if _is_spelt_alike(value):
        with suppress(TypeError):  # orjson's: half of a surrogate pair, an integer of more than 64 bits
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _CANONICAL.encode(value).encode("utf-8", "surrogatepass")


def _is_spelt_alike(value: object) -> bool:
    """
    Whether orjson, five times as fast, writes it byte for byte as Python's own encoder does.

    Not of fractions (1e16 is 1e+16), nor of what one of them refuses or has a form of its own for: of these
    only types are let through that are known to be alike, and no subclasses.
    """
    if isinstance(value, dict):
        if type(value) is not dict or not _TEXT.issuperset(map(type, value)):
            return False
        inside: Iterable[object] = value.values()
    elif type(value) is list or type(value) is tuple:
        inside = value
    else:
        return type(value) in _ALIKE
    for inner in inside:  # noqa: SIM110 (a generator would take as long again, and this is run for every id)
        if type(inner) not in _ALIKE and not _is_spelt_alike(inner):
            return False
    return True


def lineage_id(birth: datetime, *names: str | int) -> UUID:
    """
    The id of all versions of one thing.

    Args:
        birth: When it was born, timezone-aware; the partition's instant in the pipeline.
        names: What tells it from everything else born then, in a fixed order.
    """
    milliseconds = (birth - _EPOCH).total_seconds() * 1000
    return _uuid8(max(0, int(milliseconds)), _digest(["lineage", *names]))


def fresh_lineage_id() -> UUID:
    """The lineage of a thing born now and nowhere else: the same form, random where the hash would be."""
    milliseconds = time.time_ns() // 1_000_000
    return _uuid8(milliseconds, os.urandom(10))


def version_id(kind: str, lineage: UUID, parent: UUID | None, content: Mapping[str, Any]) -> UUID:
    """The id of one immutable version; its time prefix is its lineage's."""
    return _uuid8(lineage.int >> 80, _digest([kind, lineage, parent, content]))


def prefixed_uuid(lineage: UUID, *names: object) -> UUID:
    """An id for something that belongs to a lineage, kept beside it by the same time prefix."""
    return _uuid8(lineage.int >> 80, _digest([lineage, *names]))


def content_hash(kind: str, content: Mapping[str, Any]) -> UUID:
    """The same for equal content, whatever its lineage and history: finds duplicates."""
    return hash_uuid(kind, content)


def hash_uuid(*parts: object) -> UUID:
    """A UUID version 8 with no time in it, from JSON-able parts."""
    bits = int.from_bytes(_digest(list(parts))[:16])
    return UUID(int=bits & ~(0xF << 76) & ~(0b11 << 62) | _VERSION_8 | _VARIANT)


def _uuid8(milliseconds: int, digest: bytes) -> UUID:
    bits = int.from_bytes(digest[:10]) >> 6  # 74 bits: 12 beside the version, 62 beside the variant
    return UUID(int=milliseconds << 80 | _VERSION_8 | (bits >> 62) << 64 | _VARIANT | bits & (1 << 62) - 1)


def _digest(value: object) -> bytes:
    return hashlib.sha256(canonical_json(value)).digest()


def _as_json(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


# Made once: making one takes longer than most of what it encodes, or decodes.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_json
)
_TEXT_OF = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def json_text(value: object) -> str:
    """
    JSON for people and databases to read.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot say.
    """
    return _TEXT_OF.encode(value)


def parse_json(text: str) -> Any:
    """
    JSON that can be written again: no NaN or infinity, no half of a surrogate pair, no bottomless nesting.

    Raises:
        ValueError: It is not JSON, or says one of these.
    """
    try:
        value = _STRICT.decode(text)
        json_text(value).encode()
    except UnicodeEncodeError as exc:
        raise ValueError("it holds half of a surrogate pair") from exc
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)
