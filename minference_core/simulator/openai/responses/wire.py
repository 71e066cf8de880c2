"""
The Responses API as it is spoken in November 2026.

Source: the types of the `openai` SDK 3.54, and the API's own error messages. Keys, limits and the form of
errors are those of Chat Completions.
"""

import time
from collections.abc import Mapping
from random import Random
from typing import Any

from minference_core.simulator.generation import Call, Generated, generate
from minference_core.simulator.ids import Ids
from minference_core.simulator.openai.responses.ids import ItemIds, encrypted
from minference_core.simulator.openai.responses.reading import ResponsesAsk, read_ask
from minference_core.simulator.openai.wire import OpenAIWire
from minference_core.simulator.replies import refusal_text
from minference_core.simulator.wire import Answer, Ask, JsonObject

__all__ = ["ResponsesWire"]

_REFUSAL_TOKENS = 10
_SUMMARY = "**Working it out**\n\nFirst what is being asked, and then the answer to it."


class ResponsesWire(OpenAIWire):
    """OpenAI's Responses."""

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        return read_ask(body)

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        assert isinstance(ask, ResponsesAsk)  # noqa: S101 (`read` gives nothing else)
        response_id = ids.make("resp_", 48)
        if refuse:
            content = {"type": "refusal", "refusal": refusal_text(rng)}
            output = [_message(ids.make("msg_"), content, "completed")]
            made, thinking, cut = _REFUSAL_TOKENS, 0, False
        else:
            said = generate(ask, rng)
            output = _output(said, ask, ids)
            made, thinking, cut = said.tokens, said.thinking_tokens, said.ending == "length"
        now = int(time.time())
        body: JsonObject = {
            "id": response_id,
            "object": "response",
            "created_at": now,
            "completed_at": None if cut else now,
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "model": ask.model,
            "output": output,
            **ask.echoed,
            "usage": _usage(ask.prompt_tokens, made, thinking),
        }
        return Answer(body, made)


def _output(said: Generated, ask: ResponsesAsk, ids: Ids) -> list[JsonObject]:
    item_ids = ItemIds(ids, reasoned=said.thinking_tokens > 0)
    output: list[JsonObject] = []
    if said.thinking_tokens:
        output.append(_reasoning(item_ids.reasoning, ask))
    status = "incomplete" if said.ending == "length" else "completed"
    output += [_function_call(call, item_ids, ids, status) for call in said.calls]
    if said.text or not output:
        content = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
        output.append(_message(item_ids.make("msg"), content, status))
    return output


def _reasoning(item_id: str, ask: ResponsesAsk) -> JsonObject:
    summary = [{"type": "summary_text", "text": _SUMMARY}] if ask.summarized else []
    item: JsonObject = {"id": item_id, "type": "reasoning", "summary": summary}
    if ask.encrypted:
        item["encrypted_content"] = encrypted(item_id)
    return item


def _function_call(call: Call, item_ids: ItemIds, ids: Ids, status: str) -> JsonObject:
    return {
        "id": item_ids.make("fc"),
        "type": "function_call",
        "status": status,
        "arguments": call.arguments,
        "call_id": ids.make("call_"),
        "name": call.name,
    }


def _message(item_id: str, content: JsonObject, status: str) -> JsonObject:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [content]}


def _usage(prompt: int, made: int, thinking: int) -> JsonObject:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": thinking},
        "total_tokens": prompt + made,
    }
