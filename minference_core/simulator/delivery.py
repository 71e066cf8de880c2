"""
Getting an answer to the client, or failing to in the way that was asked for.
"""

import asyncio

from aiohttp import web

__all__ = ["deliver", "is_whole"]

_SLOW_PIECES = 10
_SLOW_S = 2.0
_NOT_HTTP = b"\x16\x03\x01\x02\x00 no HTTP is spoken here\r\n\r\n"
_WHOLE = frozenset({None, "refusal", "invalid_output", "slow_body"})
_GARBAGE = b"<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body></body></html>\n"


async def deliver(
    request: web.BaseRequest, body: bytes, headers: dict[str, str], fault: str | None
) -> web.StreamResponse:
    """Send `body` as JSON, unless the fault says otherwise."""
    match fault:
        case "drop":
            return _aborted(request)
        case "hang":
            return await _never()
        case "truncate":
            return await _half(request, body, headers)
        case "stall":
            return await _half_and_no_more(request, body, headers)
        case "wrong_length":
            return await _more_than_announced(request, body, headers)
        case "slow_body":
            return await _slowly(request, body, headers)
        case "not_http":
            return _gibberish(request)
        case "nothing":
            return web.Response(body=b"", content_type="application/json", headers=headers)
        case "garbage":
            return web.Response(body=_GARBAGE, content_type="text/html", headers=headers)
        case _:
            return web.Response(body=body, content_type="application/json", headers=headers)


def is_whole(fault: str | None) -> bool:
    """Whether all of the answer gets to a client that stays."""
    return fault in _WHOLE


def _aborted(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # goes nowhere: the connection is gone


async def _never() -> web.StreamResponse:
    """The server cancels this when the client leaves or the server stops."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _half(request: web.BaseRequest, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = await _begun(request, body, headers)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


async def _half_and_no_more(
    request: web.BaseRequest, body: bytes, headers: dict[str, str]
) -> web.StreamResponse:
    response = await _begun(request, body, headers)
    await response.write(body[: len(body) // 2])
    return await _never()


async def _more_than_announced(
    request: web.BaseRequest, body: bytes, headers: dict[str, str]
) -> web.StreamResponse:
    """The rest is where a client that keeps the connection looks for its next answer."""
    half = len(body) // 2
    response = await _begun(request, body[:half], headers)
    await response.write(body[:half])
    await response.write_eof()
    if request.transport is not None:
        request.transport.write(body[half:])
    return response


def _gibberish(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.write(_NOT_HTTP)
        request.transport.close()
    return web.Response(status=500)  # goes nowhere: the connection is closing


async def _slowly(request: web.BaseRequest, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = await _begun(request, body, headers)
    size = -(-len(body) // _SLOW_PIECES)
    for start in range(0, len(body), size):
        await asyncio.sleep(_SLOW_S / _SLOW_PIECES)
        await response.write(body[start : start + size])
    await response.write_eof()
    return response


async def _begun(request: web.BaseRequest, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    return response
