"""
Chat Completions as it is spoken in November 2026, and the three dialects of it.

Source: the types of the `openai` SDK 3.54, and the servers' own error messages.
"""

import math
import time
from collections.abc import Mapping
from random import Random
from typing import Any

from minference_core.simulator.generation import Generated, generate
from minference_core.simulator.ids import Ids, fresh_hex
from minference_core.simulator.limits import Allowance, Verdict, go_duration
from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.openai.errors import FAILURES, NO_KEY, NOT_JSON, error_body
from minference_core.simulator.openai.extras import add_extras, add_reasoning, extra_headers
from minference_core.simulator.openai.reading import read_ask
from minference_core.simulator.replies import refusal_text
from minference_core.simulator.wire import Answer, Ask, JsonObject, Refused

__all__ = ["OpenAIWire"]

_MODELS = ("gpt-6-astra", "gpt-6-luna", "gpt-5.5", "gpt-5.4-mini", "gpt-4.1-mini", "gpt-4o-mini")


class OpenAIWire:
    """One server that speaks Chat Completions."""

    request_id_header = "x-request-id"
    counts_apart = False
    overloaded = 503

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.provider = dialect.name

    def request_id(self) -> str:
        return f"req_{fresh_hex()}"

    def key(self, headers: Mapping[str, str]) -> str:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else headers.get("api-key", "")
        if not key and self.dialect.needs_key:
            raise Refused(401, NO_KEY)
        if "invalid" in key:
            shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:]
            place = "You can find your API key at https://platform.openai.com/account/api-keys."
            raise Refused(401, f"Incorrect API key provided: {shown}. {place}", code="invalid_api_key")
        return key

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        return read_ask(body, self.dialect)

    def cached_tokens(self, ask: Ask) -> int:
        return 0

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        body: JsonObject = {
            "id": ids.make("gen-" if self.provider == "openrouter" else "chatcmpl-", 29),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": ask.model,
            "choices": [],
        }
        thinking = completion = 0
        for index in range(ask.choices):
            if refuse:
                choice, made = self._refusal(index, rng), 10
            else:
                generated = generate(ask, rng)
                choice, made = self._choice(index, ask, generated, ids), generated.tokens
                thinking += generated.thinking_tokens
            body["choices"].append(choice)
            completion += made
        body["usage"] = _usage(ask.prompt_tokens, completion, thinking)
        add_extras(body, self.dialect, ask, rng)
        return Answer(body, completion, extra_headers(body, self.dialect))

    def _choice(self, index: int, ask: Ask, said: Generated, ids: Ids) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
        if said.calls:
            message["content"] = None
            message["tool_calls"] = [
                {
                    "id": ids.make("call_"),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in said.calls
            ]
        if said.thinking_tokens and ask.show_thinking:
            add_reasoning(message, self.dialect)
        return {
            "index": index,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish_reason(said, ask),
        }

    def _refusal(self, index: int, rng: Random) -> JsonObject:
        text = refusal_text(rng)
        message: JsonObject = {"role": "assistant", "content": None, "refusal": text, "annotations": []}
        if self.provider in ("vllm", "litellm"):  # open models just say so
            message = {"role": "assistant", "content": text, "refusal": None}
        return {"index": index, "message": message, "logprobs": None, "finish_reason": "stop"}

    def not_json(self) -> Refused:
        return Refused(400, NOT_JSON)

    def no_route(self, method: str, path: str) -> Refused:
        return Refused(404, f"Invalid URL ({method} {path})")

    def limited(self, verdict: Verdict, ask: Ask) -> Refused:
        unit = "requests per min (RPM)" if verdict.kind == "requests" else "tokens per min (TPM)"
        where = f"for {ask.model} in organization org-simulator on {unit}: Limit {verdict.limit}"
        if verdict.wait_s is None:
            advice = "The input or output tokens must be reduced in order to run successfully."
            text = f"Request too large {where}, Requested {verdict.requested}. {advice}"
            return Refused(429, text, kind=verdict.kind, code="rate_limit_exceeded")
        wait = go_duration(verdict.wait_s)
        used = f"Used {verdict.used}, Requested {verdict.requested}. Please try again in {wait}."
        headers = retry_headers(verdict.wait_s)
        return Refused(
            429,
            f"Rate limit reached {where}, {used}",
            kind=verdict.kind,
            code="rate_limit_exceeded",
            headers=headers,
        )

    def failed(self, status: int) -> Refused:
        if status == 429:
            text = "Rate limit reached on requests per min (RPM). Please try again in 200ms."
            return Refused(429, text, kind="requests", code="rate_limit_exceeded", headers=retry_headers(0.2))
        text = FAILURES.get(
            status, "The server had an error while processing your request. Sorry about that!"
        )
        return Refused(status, text)

    def out_of_credit(self) -> Refused:
        if self.provider == "openrouter":
            return Refused(402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits")
        text = "You exceeded your current quota, please check your plan and billing details."
        return Refused(429, text, kind="insufficient_quota", code="insufficient_quota")

    def error_body(self, refused: Refused, request_id: str) -> bytes:
        return error_body(self.dialect.errors, refused)

    def limit_headers(self, allowance: Allowance, now: float, epoch: float) -> dict[str, str]:
        headers: dict[str, str] = {}
        if not self.dialect.limit_headers:
            return headers
        for kind, bucket in allowance.buckets.items():
            headers[f"x-ratelimit-limit-{kind}"] = str(bucket.limit)
            headers[f"x-ratelimit-remaining-{kind}"] = str(bucket.remaining(now))
            headers[f"x-ratelimit-reset-{kind}"] = go_duration(bucket.reset_s(now))
        return headers

    def model_list(self) -> JsonObject:
        data = [{"id": m, "object": "model", "created": 1_760_000_000, "owned_by": "system"} for m in _MODELS]
        return {"object": "list", "data": data}


def retry_headers(wait_s: float) -> dict[str, str]:
    """Whole seconds for everybody, milliseconds for those who read them."""
    return {"retry-after": str(max(1, math.ceil(wait_s))), "retry-after-ms": str(math.ceil(wait_s * 1000))}


def _finish_reason(said: Generated, ask: Ask) -> str:
    match said.ending:
        case "length":
            return "length"
        case "tool":  # a call the caller forced by name ends as "stop"
            return "stop" if ask.tool_choice == "named" else "tool_calls"
        case _:
            return "stop"


def _usage(prompt: int, completion: int, thinking: int) -> JsonObject:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
