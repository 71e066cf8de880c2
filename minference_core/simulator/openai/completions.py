"""
The legacy Completions API: text goes on from a prompt.

Source: the types of the `openai` SDK 3.54, and the API's own error messages.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from minference_core.simulator.generation import generate
from minference_core.simulator.ids import Ids
from minference_core.simulator.models import is_made_up
from minference_core.simulator.openai.prompts import PROMPT, read_prompts
from minference_core.simulator.openai.refusals import bad
from minference_core.simulator.openai.shape import check_shape
from minference_core.simulator.openai.wire import OpenAIWire
from minference_core.simulator.replies import refusal_text
from minference_core.simulator.shapes import Shape
from minference_core.simulator.wire import Answer, Ask, JsonObject, Refused

__all__ = ["CompletionsWire"]

_OPENAIS_OWN = ("gpt-3.5-turbo-instruct", "davinci-002", "babbage-002")
_CONTEXT = 16_384
_UNSAID_OUTPUT = 16
_NOT_HERE = (
    "This is a chat model and not supported in the v1/completions endpoint. "
    "Did you mean to use v1/chat/completions?"
)
_BODY = Shape(
    {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "prompt": {**PROMPT, "type": [*PROMPT["type"], "null"]},
            **{field: {"type": ["integer", "null"]} for field in ("max_tokens", "n", "best_of", "seed")},
            "temperature": {"type": ["number", "null"]},
            "stop": {"type": ["string", "array", "null"], "items": {"type": "string"}},
            "stream": {"type": ["boolean", "null"]},
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompts(Ask):
    """One request may go on from several prompts."""

    prompts: tuple[str, ...]


class CompletionsWire(OpenAIWire):
    """One server's Completions."""

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        check_shape(body, _BODY)
        model = self._model(body)
        prompts = read_prompts(body.get("prompt") or "<|endoftext|>", "prompt")
        limit = _positive(body, "max_tokens")
        tokens = sum(count for _, count in prompts)
        if tokens + (limit or 0) > _CONTEXT:
            message = (
                f"This model's maximum context length is {_CONTEXT} tokens, however you requested"
                f" {tokens + (limit or 0)} tokens ({tokens} in your prompt; {limit or 0} for the completion)."
                " Please reduce your prompt; or completion length."
            )
            raise Refused(400, message)
        if body.get("stream"):
            raise bad("Streaming is not part of this simulator: leave 'stream' out.", "stream")
        stop = body.get("stop") or ()
        return _Prompts(
            model=model,
            prompt_tokens=tokens,
            max_tokens=limit or _UNSAID_OUTPUT,
            declared_max=limit,
            sampled=body.get("temperature") != 0,
            topic=prompts[0][0],
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            choices=len(prompts) * (_positive(body, "n") or 1),
            prompts=tuple(text for text, _ in prompts),
        )

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        assert isinstance(ask, _Prompts)  # noqa: S101 (`read` gives nothing else)
        choices, completion = list[JsonObject](), 0
        for index in range(ask.choices):
            topic = ask.prompts[index * len(ask.prompts) // ask.choices]
            said = generate(replace(ask, topic=topic), rng)
            text = refusal_text(rng) if refuse else f" {said.text}"
            ending = "length" if said.ending == "length" and not refuse else "stop"
            choices.append({"text": text, "index": index, "logprobs": None, "finish_reason": ending})
            completion += said.tokens
        body: JsonObject = {
            "id": ids.make("cmpl-", 29),
            "object": "text_completion",
            "created": int(time.time()),
            "model": ask.model,
            "choices": choices,
            "usage": {
                "prompt_tokens": ask.prompt_tokens,
                "completion_tokens": completion,
                "total_tokens": ask.prompt_tokens + completion,
            },
        }
        return Answer(body, completion)

    def _model(self, body: JsonObject) -> str:
        name = body.get("model")
        if not name:
            raise bad("you must provide a model parameter")
        if is_made_up(name):
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise Refused(404, message, code="model_not_found")
        if self.dialect.openai_rules and not name.startswith(_OPENAIS_OWN):
            raise Refused(404, _NOT_HERE, param="model")
        return str(name)


def _positive(body: JsonObject, field: str) -> int | None:
    value = body.get(field)
    if value is not None and value < 1:
        rule = f"Expected a value >= 1, but got {value} instead."
        raise bad(f"Invalid '{field}': integer below minimum value. {rule}", field, "integer_below_min_value")
    return value
