"""
Chat Completions as it is spoken in November 2026, and the three dialects of it.

Source: the types of the `openai` SDK 3.54, and the servers' own error messages.
"""

import math
import time
from collections.abc import Mapping
from random import Random
from typing import Any

from minference_core.simulator.dialects import Dialect
from minference_core.simulator.generation import Generated, generate
from minference_core.simulator.ids import fresh_hex, made_id
from minference_core.simulator.json_wanted import ANY_OBJECT
from minference_core.simulator.limits import Allowance, Verdict, go_duration
from minference_core.simulator.models import OpenAIModel
from minference_core.simulator.openai_checks import check_body
from minference_core.simulator.openai_errors import error_body
from minference_core.simulator.openai_messages import prompt_tokens, text_of
from minference_core.simulator.replies import refusal_text
from minference_core.simulator.wire import Answer, Ask, JsonObject, Refused, ToolSpec

__all__ = ["OpenAIWire"]

_THINKING_BY_EFFORT = {"minimal": 12, "low": 40, "medium": 90, "high": 180, "xhigh": 300, "max": 450}
_MODELS = ("gpt-6-astra", "gpt-6-luna", "gpt-5.5", "gpt-5.4-mini", "gpt-4.1-mini", "gpt-4o-mini")


class OpenAIWire:
    """One server that speaks Chat Completions."""

    request_id_header = "x-request-id"

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.provider = dialect.name

    def request_id(self) -> str:
        return f"req_{fresh_hex()}"

    def key(self, headers: Mapping[str, str]) -> str:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else headers.get("api-key", "")
        if not key and self.dialect.needs_key:
            raise Refused(401, _NO_KEY)
        if "invalid" in key:
            shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:]
            place = "You can find your API key at https://platform.openai.com/account/api-keys."
            raise Refused(401, f"Incorrect API key provided: {shown}. {place}", code="invalid_api_key")
        return key

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        model = check_body(body, self.dialect)
        tokens = prompt_tokens(body)
        declared = body.get("max_completion_tokens") or body.get("max_tokens")
        if tokens + (declared or 0) > model.context:
            message = (
                f"This model's maximum context length is {model.context} tokens. However, your messages resulted in"
                f" {tokens} tokens. Please reduce the length of the messages."
            )
            raise Refused(400, message, param="messages", code="context_length_exceeded")
        return self._ask(body, model, tokens, declared)

    def _ask(self, body: JsonObject, model: OpenAIModel, tokens: int, declared: int | None) -> Ask:
        messages = body["messages"]
        asked = [text_of(m.get("content")) for m in messages if m["role"] == "user"]
        told = [text_of(m.get("content")) for m in messages if m["role"] in ("system", "developer")]
        tools, choice = _tools(body)
        last = messages[-1]
        stop = body.get("stop") or ()
        return Ask(
            model=body["model"],
            prompt_tokens=tokens,
            max_tokens=min(declared or model.max_output, model.max_output),
            declared_max=declared,
            sampled=body.get("temperature") != 0,
            topic=asked[-1] if asked else text_of(last.get("content")),
            earlier=asked[-2] if len(asked) > 1 else "",
            instructions="\n".join(told),
            schema=_schema(body),
            prefix=self._prefix(last),
            tools=tools,
            tool_choice=choice,
            tool_reluctance=0.75 if last["role"] == "tool" else 0.4,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            thinking_tokens=self._thinking(body, model),
            choices=body.get("n") or 1,
        )

    def _prefix(self, last: JsonObject) -> str:
        """vLLM and LiteLLM go on from a last assistant message; OpenAI takes it for history."""
        if last["role"] != "assistant" or self.dialect.openai_rules:
            return ""
        return text_of(last.get("content"))

    def _thinking(self, body: JsonObject, model: OpenAIModel) -> int:
        if self.dialect.openai_rules:
            effort = (body.get("reasoning_effort") or model.default_effort) if model.efforts else None
        else:
            asked = body.get("reasoning")
            effort = (
                asked.get("effort", "medium") if isinstance(asked, dict) else body.get("reasoning_effort")
            )
        return _THINKING_BY_EFFORT.get(effort or "", 0)

    def answer(self, ask: Ask, rng: Random, *, refuse: bool) -> Answer:
        body: JsonObject = {
            "id": made_id("gen-" if self.provider == "openrouter" else "chatcmpl-", rng, 29),
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
                choice, made = self._choice(index, ask, generated, rng), generated.tokens
                thinking += generated.thinking_tokens
            body["choices"].append(choice)
            completion += made
        body["usage"] = _usage(ask.prompt_tokens, completion, thinking)
        self._extras(body, rng)
        return Answer(body, completion)

    def _choice(self, index: int, ask: Ask, said: Generated, rng: Random) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
        if said.calls:
            message["content"] = None
            message["tool_calls"] = [
                {
                    "id": made_id("call_", rng),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in said.calls
            ]
        if said.thinking_tokens and self.dialect.reasoning_field:
            message[self.dialect.reasoning_field] = "Let me work out what is being asked, and then answer it."
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

    def _extras(self, body: JsonObject, rng: Random) -> None:
        match self.provider:
            case "openai":
                body["service_tier"] = "default"
                body["system_fingerprint"] = None
            case "vllm":
                body |= {"service_tier": None, "system_fingerprint": None, "prompt_logprobs": None}
            case "openrouter":
                body["provider"] = "Simulator"
                body["usage"]["cost"] = round(1e-6 * body["usage"]["total_tokens"], 9)
            case _:
                body["system_fingerprint"] = f"fp_{rng.getrandbits(40):010x}"

    def not_json(self) -> Refused:
        return Refused(400, _NOT_JSON)

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
        text = _FAILURES.get(
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
        for kind, bucket in (("requests", allowance.requests), ("tokens", allowance.tokens)):
            if bucket is not None:
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


def _schema(body: JsonObject) -> Any:
    """The schema the reply must satisfy; None if it is free text."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return ANY_OBJECT
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"].get("schema", {})
    structured = body.get("structured_outputs")
    return structured.get("json") if isinstance(structured, dict) else None


def _tools(body: JsonObject) -> tuple[tuple[ToolSpec, ...], str]:
    """The tools that may be called, and how freely."""
    tools = tuple(
        ToolSpec(tool["function"]["name"], tool["function"].get("parameters") or {"type": "object"})
        for tool in body.get("tools") or ()
    )
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    if isinstance(choice, str):
        return tools, choice
    if choice["type"] == "function":
        return tuple(t for t in tools if t.name == choice["function"]["name"]), "named"
    allowed = choice.get("allowed_tools") or {}
    names = {tool.get("function", {}).get("name") for tool in allowed.get("tools", ())}
    return tuple(t for t in tools if t.name in names), allowed.get("mode", "auto")


_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth"
    " (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from"
    " https://platform.openai.com/account/api-keys."
)
_NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library"
    " correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble"
    " figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)
_FAILURES = {
    503: "The engine is currently overloaded, please try again later",
    529: "The engine is currently overloaded, please try again later",
    400: "The request could not be processed.",
    401: "Incorrect API key provided.",
    403: "You are not allowed to sample from this model",
    404: "The requested resource does not exist.",
    408: "Request timeout.",
    413: "Maximum content size limit exceeded.",
}
