"""
Where a line's request goes, and in whose words it is: from the URL, the client and the line itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from minference_core.errors import ConfigError
from minference_core.providers import PROVIDERS, WireRequest, provider_for
from minference_core.providers.base import JsonObject

__all__ = ["ENDPOINTS", "Address", "Endpoint", "client_of", "endpoint_at", "locate", "names_endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the four APIs a file may ask."""

    path: str
    asks_with: str  # the field of a body that only this API's requests have to have


CHAT = Endpoint("/chat/completions", "messages")
COMPLETIONS = Endpoint("/completions", "prompt")
EMBEDDINGS = Endpoint("/embeddings", "input")
MESSAGES = Endpoint("/messages", "messages")
ENDPOINTS = (CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES)  # the longer path before the one it ends in

_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "openrouter.ai": "openrouter",
}
_AZURE_HOST = re.compile(r"\.azure\.com$")
_API_VERSION = re.compile(r"/v\d+\w*(/|$)")
# They ask for their own servers' key in OpenAI's way, whichever API it is for.
_ALWAYS_BEARER = frozenset({"vllm", "litellm", "openrouter"})
# Models that refuse `max_tokens`; the older ones take it, and so does any other server.
_TAKES_ONLY_THE_NEW_LIMIT = re.compile(r"(ft:)?(o\d|gpt-(?![34]))")
_SAMPLING = ("temperature", "top_p", "top_k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    A server, and how it is spoken to.

    Attributes:
        base_url: With its query, without the endpoint.
        version: What stands between the base URL and an endpoint's path: "/v1", or nothing.
        endpoint: The one the URL names; None when each line decides.
        azure: Whether it wants Azure's header for the key.
    """

    client: str
    base_url: str
    version: str
    endpoint: Endpoint | None
    azure: bool

    @property
    def key_required(self) -> bool:
        """Whether it is the provider itself, and not somebody's own server that may want no key."""
        entry = PROVIDERS[self.client]
        return entry.key_required and _host(self.base_url) == _host(entry.default_base_url)

    def endpoint_for(self, body: JsonObject) -> Endpoint | None:
        """The endpoint of a line that names none; None if its body does not tell either."""
        if self.endpoint is not None:
            return self.endpoint
        if self.client == "anthropic" and MESSAGES.asks_with in body:
            return MESSAGES
        return next((e for e in (CHAT, COMPLETIONS, EMBEDDINGS) if e.asks_with in body), None)

    def wire(self, endpoint: Endpoint, body: JsonObject) -> WireRequest:
        """The request as it is sent: the body as it was written, but for a limit its model refuses."""
        headers: Mapping[str, str] = {}
        if endpoint is MESSAGES:
            old = self.client in _ALWAYS_BEARER or any(field in body for field in _SAMPLING)
            headers = {"anthropic-version": "2023-06-01" if old else "2026-10-21"}
        elif endpoint is CHAT and self.client == "openai":
            body = _with_new_limit(body)
        return WireRequest(self.version + endpoint.path, body, headers)

    def authorization(self, key: str, endpoint: Endpoint, wire: WireRequest) -> Mapping[str, str]:
        """The headers that carry the key."""
        if self.azure:
            return {"api-key": key}
        if endpoint is MESSAGES and self.client not in _ALWAYS_BEARER:
            return provider_for("anthropic").authorization(key, wire)
        return {"authorization": f"Bearer {key}"}

    def reader(self, endpoint: Endpoint) -> str:
        """The client whose adapter knows this endpoint's answers best."""
        if endpoint is MESSAGES:
            return "anthropic"
        return "openai" if self.client == "anthropic" else self.client


def locate(url: str, client: str) -> Address:
    """
    Read a base URL or a full endpoint.

    Raises:
        ConfigError: The client is unknown, or the URL is none.
    """
    if client not in PROVIDERS:
        raise ConfigError(f"there is no client {client!r}: use one of {', '.join(PROVIDERS)}")
    parts = _parts(url)
    if parts is None:
        raise ConfigError("the URL is not an http(s) address: give one such as https://api.openai.com/v1")
    path = parts.path.rstrip("/")
    endpoint = endpoint_at(path)
    base = path.removesuffix(endpoint.path) if endpoint is not None else path
    deployment = "/deployments" in path
    complete = endpoint is not None or deployment or _API_VERSION.search(path)
    return Address(
        client=client,
        base_url=urlunsplit((parts.scheme, parts.netloc, base, parts.query, "")),
        version="" if complete else "/v1",
        endpoint=endpoint,
        azure=deployment or _AZURE_HOST.search(parts.hostname or "") is not None,
    )


def client_of(url: str) -> str | None:
    """Whose server a URL is: by its host, the API it names, or a client's name in its path."""
    parts = _parts(url)
    if parts is None:
        return None
    host = parts.hostname or ""
    if host in _HOSTS:
        return _HOSTS[host]
    if _AZURE_HOST.search(host):
        return "openai"
    named = next((step for step in parts.path.split("/") if step in PROVIDERS), None)
    if named is None and endpoint_at(parts.path) is MESSAGES:
        return "anthropic"
    return named


def endpoint_at(path: str) -> Endpoint | None:
    """The endpoint that a path ends in."""
    path = path.rstrip("/")
    return next((endpoint for endpoint in ENDPOINTS if path.endswith(endpoint.path)), None)


def names_endpoint(path: str) -> Endpoint | None:
    """The endpoint that a line's `url` is: `/v1/embeddings`, or Azure's `/embeddings`."""
    return next((e for e in ENDPOINTS if path.removeprefix("/v1") == e.path), None)


def _parts(url: str) -> SplitResult | None:
    """A URL's parts, if it is an address that can be asked."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return None
    return parts if usable else None


def _with_new_limit(body: JsonObject) -> JsonObject:
    """The body with `max_completion_tokens` in the place of a `max_tokens` that its model refuses."""
    model: Any = body.get("model")
    if "max_tokens" not in body or "max_completion_tokens" in body or not isinstance(model, str):
        return body
    if not _TAKES_ONLY_THE_NEW_LIMIT.match(model):
        return body
    return {("max_completion_tokens" if name == "max_tokens" else name): v for name, v in body.items()}


def _host(url: str) -> str | None:
    return urlsplit(url).hostname
