"""
Anthropic's Messages API in its two versions, 2023-06-01 and 2026-10-21.

Source: the types of the `anthropic` SDK 2.12, and the API's own error messages.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson

from minference_core.simulator.anthropic.caching import Prefix, PrefixCache, prefixes
from minference_core.simulator.anthropic.checks import NEW_VERSION, OLD_VERSION, check_body
from minference_core.simulator.anthropic.messages import prompt_tokens, text_of
from minference_core.simulator.anthropic.reply import REFUSAL, STOP_REASONS, blocks, usage
from minference_core.simulator.anthropic.thinking import must_think, thinking_tokens
from minference_core.simulator.generation import generate
from minference_core.simulator.ids import Ids, fresh_id
from minference_core.simulator.limits import Allowance, Verdict
from minference_core.simulator.models import ClaudeModel
from minference_core.simulator.wire import Answer, Ask, JsonObject, Refused, ToolSpec

__all__ = ["AnthropicWire"]

_MODELS = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked(Ask):
    """What is asked for, and which of its beginnings may be cached."""

    prefixes: tuple[Prefix, ...]


class AnthropicWire:
    """The Messages API."""

    provider = "anthropic"
    request_id_header = "request-id"
    counts_apart = True
    overloaded = 529

    def __init__(self) -> None:
        self._cache = PrefixCache()

    def request_id(self) -> str:
        return fresh_id("req_011C", 20)

    def key(self, headers: Mapping[str, str]) -> str:
        """Under 2023-06-01 a key comes as `x-api-key`, under 2026-10-21 as a bearer token."""
        version = headers.get("anthropic-version")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        old_key = headers.get("x-api-key", "")
        if version == NEW_VERSION and not bearer:
            raise Refused(401, "Authorization header is required")
        if version != NEW_VERSION and not old_key:
            raise Refused(401, "Invalid bearer token" if bearer else "x-api-key header is required")
        key = bearer if version == NEW_VERSION else old_key
        if "invalid" in key:
            raise Refused(401, "invalid bearer token" if version == NEW_VERSION else "invalid x-api-key")
        return key

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        version = headers.get("anthropic-version")
        if version is None:
            raise Refused(400, "anthropic-version: header is required")
        if version not in (OLD_VERSION, NEW_VERSION):
            raise Refused(400, f'anthropic-version: "{version}" is not a valid version')
        model = check_body(body, version)
        tokens = prompt_tokens(body)
        if tokens > model.context:
            raise Refused(400, f"prompt is too long: {tokens} tokens > {model.context} maximum")
        return self._ask(body, model, tokens)

    def _ask(self, body: JsonObject, model: ClaudeModel, tokens: int) -> Ask:
        messages = body["messages"]
        asked = [t for m in messages if m["role"] == "user" and (t := text_of(m["content"]))]
        last = messages[-1]
        tools, choice = _tools(body)
        thinking = body.get("thinking") or {}
        wanted = (body.get("output_config") or {}).get("format") or {}
        return _Marked(
            model=body["model"],
            prompt_tokens=tokens,
            max_tokens=body["max_tokens"],
            declared_max=body["max_tokens"],
            sampled=body.get("temperature") != 0,
            topic=asked[-1] if asked else "",
            earlier=asked[-2] if len(asked) > 1 else "",
            instructions=text_of(body.get("system", "")),
            schema=wanted.get("schema"),
            prefix=text_of(last["content"]) if last["role"] == "assistant" else "",
            tools=tools,
            tool_choice=choice,
            tool_reluctance=0.75 if _has_results(last) else 0.4,
            several_calls=not (body.get("tool_choice") or {}).get("disable_parallel_tool_use"),
            stop=tuple(body.get("stop_sequences") or ()),
            thinking_tokens=thinking_tokens(body, model, choice),
            must_think=must_think(body),
            show_thinking=thinking.get("display") == "summarized" or thinking.get("type") == "enabled",
            prefixes=prefixes(body, tokens),
        )

    def cached_tokens(self, ask: Ask) -> int:
        assert isinstance(ask, _Marked)  # noqa: S101 (`read` gives nothing else)
        return self._cache.known(ask.prefixes)

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        assert isinstance(ask, _Marked)  # noqa: S101 (`read` gives nothing else)
        message: JsonObject = {
            "id": ids.make("msg_01", 22),
            "type": "message",
            "role": "assistant",
            "model": ask.model,
            "content": [],
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": REFUSAL if refuse else None,
        }
        made, thinking = 1, 0
        if not refuse:
            said = generate(ask, rng)
            message["content"] = blocks(said, ask, rng, ids)
            message["stop_reason"] = STOP_REASONS[said.ending]
            message["stop_sequence"] = said.stop_sequence
            made, thinking = said.tokens, said.thinking_tokens
        message["usage"] = usage(ask.prompt_tokens, self._cache.use(ask.prefixes), made, thinking)
        return Answer(message, made)

    def not_json(self) -> Refused:
        return Refused(400, "The request body is not valid JSON: expected value at line 1 column 1")

    def no_route(self, method: str, path: str) -> Refused:
        return Refused(404, "Not Found")

    def limited(self, verdict: Verdict, ask: Ask) -> Refused:
        unit = f"{verdict.kind.replace('_', ' ')} per minute"
        text = (
            f"This request would exceed your organization's rate limit of {verdict.limit:,} {unit}"
            f" (model: {ask.model}). For details, refer to: https://docs.claude.com/en/api/rate-limits."
            " You can see the response headers for current usage. Please reduce the prompt length or the"
            " maximum tokens requested, or try again later."
        )
        wait = 60.0 if verdict.wait_s is None else verdict.wait_s
        return Refused(429, text, headers={"retry-after": str(max(1, math.ceil(wait)))})

    def failed(self, status: int) -> Refused:
        if status == 429:
            text = "This request would exceed your account's rate limit. Please try again later."
            return Refused(429, text, headers={"retry-after": "1"})
        return Refused(
            status, _FAILURES.get(status, "Internal server error" if status >= 500 else "Bad request")
        )

    def out_of_credit(self) -> Refused:
        text = "Your credit balance is too low to access the Anthropic API."
        return Refused(400, f"{text} Please go to Plans & Billing to upgrade or purchase credits.")

    def error_body(self, refused: Refused, request_id: str) -> bytes:
        kind = refused.kind or _KINDS.get(refused.status)
        kind = kind or ("api_error" if refused.status >= 500 else "invalid_request_error")
        error = {"type": kind, "message": refused.message}
        return orjson.dumps({"type": "error", "error": error, "request_id": request_id})

    def limit_headers(self, allowance: Allowance, now: float, epoch: float) -> dict[str, str]:
        headers: dict[str, str] = {}
        for kind, bucket in allowance.buckets.items():
            at = datetime.fromtimestamp(epoch, UTC) + timedelta(seconds=math.ceil(bucket.reset_s(now)))
            name = f"anthropic-ratelimit-{kind.replace('_', '-')}"
            headers[f"{name}-limit"] = str(bucket.limit)
            headers[f"{name}-remaining"] = str(bucket.remaining(now))
            headers[f"{name}-reset"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return headers

    def model_list(self) -> JsonObject:
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name.replace("-", " ").title(),
                "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active",
            }
            for name in _MODELS
        ]
        return {"data": data, "has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]}


def _has_results(message: JsonObject) -> bool:
    content = message["content"]
    return isinstance(content, list) and any(block["type"] == "tool_result" for block in content)


def _tools(body: JsonObject) -> tuple[tuple[ToolSpec, ...], str]:
    """The tools that may be called, and how freely."""
    tools = tuple(ToolSpec(tool["name"], tool["input_schema"]) for tool in body.get("tools") or ())
    choice = body.get("tool_choice") or {"type": "auto" if tools else "none"}
    match choice["type"]:
        case "tool":
            return tuple(t for t in tools if t.name == choice["name"]), "named"
        case "any":
            return tools, "required"
        case kind:
            return tools, kind


_KINDS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FAILURES = {
    401: "invalid x-api-key",
    403: "Your account does not have access to this model.",
    404: "Not Found",
    413: "Request exceeds the maximum size",
    503: "Service temporarily unavailable",
    504: "Request timed out",
    529: "Overloaded",
}
