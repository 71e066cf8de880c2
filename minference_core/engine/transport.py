"""
Bytes out, bytes back: the only module that knows the HTTP library.

httpx's own connection pool rescans every connection for every request (tens of milliseconds of CPU
at 256 in flight), so httpx's request and response go straight to pyreqwest's transport.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import TracebackType
from typing import Self

import httpx
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport
from pyreqwest.exceptions import PyreqwestError

from minference_core.errors import TimedOut, TransportError, Unreached, Unreadable

__all__ = ["HttpReply", "Transport"]

_CONNECT_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A pool of connections; one per run."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        client = (
            ClientBuilder()
            .timeout(timedelta(seconds=self._timeout_s))
            .connect_timeout(timedelta(seconds=_CONNECT_TIMEOUT_S))
            .follow_redirects(enable=False)
            .build()
        )
        self._transport = HttpxTransport(client)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpReply:
        """
        Send one request and read the whole answer.

        Raises:
            Unreached: There is no connection; nothing was sent.
            TimedOut: It took longer than `timeout_s` in all.
            Unreadable: An answer came, with headers that are not text.
            TransportError: The connection was refused, reset or cut off, or nothing could be sent.
        """
        request = _request(url, headers, body)
        try:
            response = await self._transport.handle_async_request(request)
            try:
                content = await response.aread()
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise Unreached(f"{_host(url)}: {str(exc) or type(exc).__name__}") from exc
        except httpx.TimeoutException as exc:
            raise TimedOut(f"no answer from {_host(url)} within {self._timeout_s:g} s") from exc
        except (httpx.HTTPError, PyreqwestError, OSError) as exc:
            raise TransportError(f"{_host(url)}: {str(exc) or type(exc).__name__}") from exc
        except ValueError as exc:  # pyreqwest's, for a header that is not ASCII; the body is lost with it
            raise Unreadable(f"{_host(url)}: the answer's headers are not text") from exc
        return HttpReply(response.status_code, _by_name(response.headers), content)


def _request(url: str, headers: Mapping[str, str], body: bytes) -> httpx.Request:
    try:
        return httpx.Request("POST", _parsed(url), headers=dict(headers), content=body)
    except (httpx.InvalidURL, ValueError):
        # Neither the URL nor the key is quoted, nor chained: both would end up in a log.
        raise TransportError("no request can be made of this base URL and key") from None


def _by_name(headers: httpx.Headers) -> dict[str, str]:
    """A plain dict: httpx's own goes through all headers for each one that is asked for."""
    return dict(headers.items())


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """Parsed once: a lane has one URL, and parsing it took a fifth of a request's CPU."""
    return httpx.URL(url)


def _host(url: str) -> str:
    """The part of a URL that may be shown: a query or user part may hold a secret."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "the configured URL"
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii', 'replace').rpartition('@')[2]}"
