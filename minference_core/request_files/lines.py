"""
The lines of a request file, read one at a time: a request each, or what is wrong with it.

    [metadata, request]                                                  the original's
    {"custom_id": …, "method": "POST", "url": "/v1/…", "body": request}  OpenAI's batch format

Nothing a line may hold raises, and every line that is not blank comes out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, BinaryIO

from minference_core import ids
from minference_core.providers.base import JsonObject
from minference_core.request_files.endpoints import ENDPOINTS, Address, Endpoint, names_endpoint

__all__ = ["LONGEST", "BadLine", "Line", "count_lines", "parse_line", "read_lines"]

LONGEST = 64 * 1024 * 1024  # bytes; twice what Anthropic takes, and more than OpenAI does
_BOM = b"\xef\xbb\xbf"
_SHOWN = 2_000  # characters of a line that is no JSON
_DEPTH_TO_SPARE = 100  # levels around a line's value while it is on its way
_SURELY_SHALLOW = 500  # brackets; Python's JSON goes a thousand deep

_FORMS = (
    'write it as [metadata, request] or as {"custom_id": "…", "method": "POST", "url": "/v1/…", "body": {…}}'
)
_URLS = ", ".join(f"/v1{endpoint.path}" for endpoint in ENDPOINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One request.

    Attributes:
        number: From 1, as an editor counts.
        offset: Where it starts in the file, in bytes.
        custom_id: A batch line's; None for `[metadata, request]`.
        request: The body, as it was written.
        digest: Of all that it says.
        copy: How many equal lines came before it.
    """

    number: int
    offset: int
    custom_id: str | None
    metadata: Any
    request: JsonObject
    endpoint: Endpoint
    digest: bytes
    copy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """
    A line that cannot be asked.

    Attributes:
        batch: Whether its answer would have been a batch line.
        request: What there is of it.
        problem: What is wrong, and what to do about it; the line is not named in it.
    """

    number: int
    batch: bool
    custom_id: str | None = None
    metadata: Any = None
    request: Any = None
    code: str = "invalid_line"
    problem: str


class _Unusable(Exception):
    """Says what is wrong with a line."""


def read_lines(file: BinaryIO, address: Address) -> Iterator[Line | BadLine]:
    """
    Every line that is not blank, a few bytes of each kept in memory.

    Args:
        file: Read from its start; nobody else may move it meanwhile.
    """
    seen: dict[bytes, int] = {}  # a custom_id's line, or how many equal lines there were
    for number, offset, raw in _raw_lines(file):
        line = parse_line(raw, number, offset, address)
        if isinstance(line, BadLine):
            yield line
        elif line.custom_id is None:
            copy = seen.get(line.digest, 0)
            seen[line.digest] = copy + 1
            yield replace(line, copy=copy) if copy else line
        else:
            first = seen.setdefault(_digest(["custom_id", line.custom_id]), number)
            yield line if first == number else _duplicate(line, first)


def count_lines(file: BinaryIO) -> int:
    """How many lines are not blank."""
    return sum(1 for _ in _raw_lines(file))


def parse_line(raw: bytes, number: int, offset: int, address: Address) -> Line | BadLine:
    """Read one line; nothing in it raises."""
    if len(raw) > LONGEST:
        return BadLine(
            number=number, batch=raw[:1] != b"[", problem=f"it is longer than {LONGEST:,} bytes: split it"
        )
    try:
        value = _value(raw if offset else raw.removeprefix(_BOM))
    except ValueError as exc:
        text = raw.decode("utf-8", "replace").strip()
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        problem = f"it is not JSON that can be sent ({exc}): each request is one line of JSON"
        return BadLine(number=number, batch=not text.startswith("["), request=shown, problem=problem)
    try:
        return (
            _pair(value, number, offset, address)
            if isinstance(value, list)
            else _batch(value, number, offset)
        )
    except _Unusable as exc:
        return _bad(value, number, str(exc))


def _pair(value: list[Any], number: int, offset: int, address: Address) -> Line:
    if len(value) == 3:
        raise _Unusable("it has three parts: it is a result, not a request; give the file that was asked")
    if len(value) != 2 or not isinstance(value[1], dict):
        raise _Unusable(f"it is a list, but not of metadata and a request object: {_FORMS}")
    metadata, request = value
    endpoint = address.endpoint_for(request)
    if endpoint is None:
        raise _Unusable(
            'the request has none of "messages", "prompt" and "input": add one, or give a URL that names '
            f"the endpoint ({_URLS})"
        )
    _check_body(request)
    return Line(
        number=number,
        offset=offset,
        custom_id=None,
        metadata=metadata,
        request=request,
        endpoint=endpoint,
        digest=_digest([metadata, endpoint.path, request]),
    )


def _batch(value: Any, number: int, offset: int) -> Line:
    if not isinstance(value, dict):
        raise _Unusable(f"it is neither a list nor an object: {_FORMS}")
    if "custom_id" not in value and "body" not in value:
        raise _Unusable(f"nothing says what its answer is to be called: {_FORMS}")
    custom_id, path, body = value.get("custom_id"), value.get("url"), value.get("body")
    if not isinstance(custom_id, str) or not custom_id:
        raise _Unusable("custom_id is missing or not a text: add one that no other line has")
    if value.get("method", "POST") != "POST":
        raise _Unusable('method is not "POST": nothing else is sent')
    if not isinstance(path, str):
        raise _Unusable(f"url is missing: add one of {_URLS}")
    endpoint = names_endpoint(path)
    if endpoint is None:
        raise _Unusable(f"url is {path[:200]!r}, and only the path of an endpoint is served: {_URLS}")
    if not isinstance(body, dict):
        raise _Unusable("body is missing or not an object: put the request there")
    _check_body(body)
    return Line(
        number=number,
        offset=offset,
        custom_id=custom_id,
        metadata=None,
        request=body,
        endpoint=endpoint,
        digest=_digest([custom_id, endpoint.path, body]),
    )


def _check_body(body: JsonObject) -> None:
    if body.get("stream"):
        raise _Unusable('"stream" is set, and a stream is no answer to put on a line: remove it')


def _bad(value: Any, number: int, problem: str) -> BadLine:
    if isinstance(value, list):
        metadata, request = (*value, None, None)[:2]
        return BadLine(number=number, batch=False, metadata=metadata, request=request, problem=problem)
    custom_id = value.get("custom_id") if isinstance(value, dict) else None
    known = custom_id if isinstance(custom_id, str) else None
    return BadLine(number=number, batch=True, custom_id=known, request=value, problem=problem)


def _duplicate(line: Line, first: int) -> BadLine:
    problem = f"custom_id {(line.custom_id or '')[:200]!r} is line {first}'s too: give each line its own"
    return BadLine(
        number=line.number,
        batch=True,
        custom_id=line.custom_id,
        request=line.request,
        code="duplicate_custom_id",
        problem=problem,
    )


def _value(raw: bytes) -> Any:
    """
    The line's JSON.

    Raises:
        ValueError: It is not JSON, or cannot be written again with something around it.
    """
    value = ids.parse_json(raw.decode())
    if raw.count(b"[") + raw.count(b"{") < _SURELY_SHALLOW:
        return value
    around = value
    for _ in range(_DEPTH_TO_SPARE):
        around = [around]
    try:
        ids.canonical_json(around)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    return value


def _digest(value: Any) -> bytes:
    return sha256(ids.canonical_json(value)).digest()[:16]


def _raw_lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and bytes of each line that is not blank; one that is too long is cut."""
    file.seek(0)
    number = offset = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        at = offset
        offset += len(raw)
        rest = raw
        while rest and not rest.endswith(b"\n") and len(raw) > LONGEST:
            rest = file.readline(LONGEST)
            offset += len(rest)
        if raw.strip():
            yield number, at, raw
