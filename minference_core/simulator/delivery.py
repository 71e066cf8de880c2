"""
Getting an answer to the client, or failing to in the way that was asked for.
"""

import asyncio

from aiohttp import web

__all__ = ["deliver"]

_SLOW_PIECES = 10
_SLOW_S = 2.0
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
        case "slow_body":
            return await _slowly(request, body, headers)
        case "garbage":
            return web.Response(body=_GARBAGE, content_type="text/html", headers=headers)
        case _:
            return web.Response(body=body, content_type="application/json", headers=headers)


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
