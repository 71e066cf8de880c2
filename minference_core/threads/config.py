"""Which model answers, and how it is asked to."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from minference_core.entities import Entity

__all__ = ["Client", "LLMConfig", "ReasoningEffort", "ResponseFormat"]

Client = Literal["openai", "anthropic", "vllm", "litellm", "openrouter"]
ResponseFormat = Literal[
    "text", "json_beg", "json_object", "structured_output", "tool", "auto_tools", "workflow"
]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class LLMConfig(Entity):
    """
    One way of asking one model.

    A sampling setting that is None is left to the provider. What a model does not take is refused
    when its request is built, with the field's name (`providers/capabilities.py`).
    """

    kind: ClassVar[str] = "LLMConfig"

    client: Client
    model: Annotated[str, Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] = 400
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: ReasoningEffort | None = None
    response_format: ResponseFormat = "text"
    extra_body: dict[str, JsonValue] | None = None
