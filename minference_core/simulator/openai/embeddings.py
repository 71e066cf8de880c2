"""
The Embeddings API: each text as a vector of length 1, the same for the same text.

Source: the types of the `openai` SDK 3.54, and the API's own error messages.
"""

import base64
import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from minference_core.simulator.ids import Ids
from minference_core.simulator.models import is_made_up
from minference_core.simulator.openai.prompts import PROMPT, read_prompts
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.openai.shape import check_shape
from minference_core.simulator.openai.wire import OpenAIWire
from minference_core.simulator.shapes import Shape
from minference_core.simulator.wire import Answer, Ask, JsonObject, Refused

__all__ = ["EmbeddingsWire"]

_DIMENSIONS = {
    "text-embedding-3-small": 1_536,
    "text-embedding-3-large": 3_072,
    "text-embedding-ada-002": 1_536,
}
_ANY_MODELS = 1_024  # what a server that runs open models answers with here
_CONTEXT = 8_192  # tokens of one input
_MOST_INPUTS = 2_048
_BODY = Shape(
    {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "input": PROMPT,
            "dimensions": {"type": ["integer", "null"]},
            "encoding_format": {"type": ["string", "null"]},
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs(Ask):
    """What is to be embedded, and how it is to be written."""

    inputs: tuple[str, ...]
    dimensions: int
    as_base64: bool


class EmbeddingsWire(OpenAIWire):
    """One server's Embeddings."""

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        check_shape(body, _BODY)
        model, dimensions = self._model(body)
        if "input" not in body:
            raise missing("input")
        inputs = read_prompts(body["input"], "input")
        if len(inputs) > _MOST_INPUTS:
            raise bad(f"'$.input' has more than {_MOST_INPUTS} inputs.", "input")
        if (longest := max(count for _, count in inputs)) > _CONTEXT:
            message = (
                f"This model's maximum context length is {_CONTEXT} tokens, however you requested {longest}"
                f" tokens ({longest} in your prompt; 0 for the completion). Please reduce your prompt; or"
                " completion length."
            )
            raise Refused(400, message)
        written = body.get("encoding_format") or "float"
        if written not in ("float", "base64"):
            raise bad(
                f"Invalid value: '{written}'. Supported values are: 'float' and 'base64'.", "encoding_format"
            )
        return _Inputs(
            model=model,
            prompt_tokens=sum(count for _, count in inputs),
            max_tokens=0,
            declared_max=None,
            sampled=False,
            topic=inputs[0][0],
            choices=0,
            inputs=tuple(text for text, _ in inputs),
            dimensions=dimensions,
            as_base64=written == "base64",
        )

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        assert isinstance(ask, _Inputs)  # noqa: S101 (`read` gives nothing else)
        vectors = [_vector(f"{ask.model} {text}", ask.dimensions) for text in ask.inputs]
        body: JsonObject = {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _as_base64(vector) if ask.as_base64 else list(vector),
                }
                for index, vector in enumerate(vectors)
            ],
            "model": ask.model,
            "usage": {"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens},
        }
        return Answer(body, 0)

    def _model(self, body: JsonObject) -> tuple[str, int]:
        """Its name, and how long its vectors are."""
        name = body.get("model")
        if not name:
            raise bad("you must provide a model parameter")
        if is_made_up(name) or (self.dialect.openai_rules and name not in _DIMENSIONS):
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise Refused(404, message, code="model_not_found")
        full = _DIMENSIONS.get(name, _ANY_MODELS)
        asked = body.get("dimensions")
        if asked is not None and name == "text-embedding-ada-002":
            raise bad("This model does not support specifying dimensions.", "dimensions")
        if asked is not None and not 1 <= asked <= full:
            raise bad(
                f"Invalid value for 'dimensions' = {asked}. Must be between 1 and {full}.", "dimensions"
            )
        return name, asked or full


def _vector(seed: str, dimensions: int) -> "array[float]":
    """A direction drawn for the text, in the single precision that such vectors have."""
    rng = Random(seed)
    drawn = [rng.random() - 0.5 for _ in range(dimensions)]
    length = math.sqrt(sum(x * x for x in drawn)) or 1.0
    return array("f", (round(x / length, 8) for x in drawn))


def _as_base64(vector: "array[float]") -> str:
    return base64.b64encode(vector.tobytes()).decode()
