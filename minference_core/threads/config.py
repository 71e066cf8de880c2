"""Which model answers, and how it is asked to."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from minference_core.entities import Entity
from minference_core.errors import Unsupported
from minference_core.threads.capabilities import Api, ReasoningEffort
from minference_core.threads.settings import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_TEMPERATURE,
    check_served,
    check_settings,
)

__all__ = [
    "Api",
    "Client",
    "LLMClient",
    "LLMConfig",
    "ReasoningEffort",
    "ResponseFormat",
    "config_problem",
]

Client = Literal["openai", "anthropic", "vllm", "litellm", "openrouter"]  # those that are served

Penalty = Annotated[float, Field(ge=-2, le=2)]


class LLMClient(StrEnum):
    """Who is asked."""

    openai = "openai"
    azure_openai = "azure_openai"  # known by name only: see LLMConfig
    anthropic = "anthropic"
    vllm = "vllm"
    litellm = "litellm"
    openrouter = "openrouter"


class ResponseFormat(StrEnum):
    """What shape the reply is to have, and how the model is brought to it."""

    json_beg = "json_beg"  # JSON, by words: a beginning of the reply, or a sentence after the question
    text = "text"
    json_object = "json_object"  # JSON, by the provider's JSON mode
    structured_output = "structured_output"  # JSON of a schema, by the provider's structured outputs
    tool = "tool"  # a call of one tool
    auto_tools = "auto_tools"  # text or calls of any of the thread's tools, as the model likes
    workflow = "workflow"  # a call of each of the thread's tools, one after the other


class LLMConfig(Entity):
    """
    One way of asking one model.

    A sampling setting that is None is left to the provider. What its client or model does not take is
    refused when a config is made or forked, with the field's name and what to do (`threads/settings.py`).
    Edits of single fields may pass through what is refused; it is then when the request is built that it is.

    Attributes:
        max_tokens: The most tokens of one reply.
        temperature: 0 to 2; Anthropic's models take 0 to 1.
        top_p: Above 0, up to 1.
        frequency_penalty: -2 to 2; not Anthropic's.
        presence_penalty: -2 to 2; not Anthropic's.
        use_cache: Whether Anthropic's prompt caching is asked for.
        api: Which of OpenAI's APIs is asked; the one that the model and the tools need when left out.
        api_version: Of Anthropic's API; the newest that takes the other settings when left out.
        reasoning_max_tokens: The most tokens of thinking: Claude models before 4.7, and OpenRouter.
        verbosity: How wordy OpenAI's newer models are.
        service_tier: OpenAI's `auto`, `default`, `flex`, `priority`; Anthropic's `auto`, `standard_only`.
        prompt_cache_key: Which of OpenAI's requests are likely to share a cached beginning.
        structured_outputs: vLLM's own way to bind a reply: one of `json`, `regex`, `choice`, `grammar`.
        chat_template_kwargs: What vLLM's chat template of the model is given, as {"enable_thinking": false}.
        provider_routing: OpenRouter's `provider`: which providers it may choose from, and how.
        reasoner: Ask OpenAI's model as a reasoning model whatever its name; the effort is
            `reasoning_effort`, or medium.
        capabilities: What the model takes, where that is not known of its name or is wrong: fields of
            `Capabilities` (`threads/capabilities.py`), as {"efforts": ["low", "high"], "stop": true}.
        extra_body: Merged into the request as it is, for what a provider offers and is not named here.
    """

    entity_kind: ClassVar[str] = "LLMConfig"

    client: LLMClient
    model: Annotated[str, Field(min_length=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] = DEFAULT_MAX_TOKENS
    temperature: Annotated[float, Field(ge=0, le=2)] | None = DEFAULT_TEMPERATURE
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: list[str] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    reasoner: bool = False
    reasoning_effort: ReasoningEffort | None = None
    reasoning_max_tokens: Annotated[int, Field(ge=1)] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    service_tier: Annotated[str, Field(min_length=1)] | None = None
    prompt_cache_key: Annotated[str, Field(min_length=1)] | None = None
    structured_outputs: dict[str, JsonValue] | None = None
    chat_template_kwargs: dict[str, JsonValue] | None = None
    provider_routing: dict[str, JsonValue] | None = None
    api: Api | None = None
    api_version: Literal["2023-06-01", "2026-10-21"] | None = None
    response_format: ResponseFormat = ResponseFormat.text
    use_cache: bool = True
    capabilities: dict[str, JsonValue] | None = None
    extra_body: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _client_can(self) -> Self:
        check_served(self.__dict__)
        if not self.is_cold and self.cold_snapshot is None:  # neither read back nor edited, but made
            check_settings(self.__dict__)
        return self


def config_problem(fields: Mapping[str, Any]) -> Unsupported | None:
    """
    What is wrong with a config of these fields, before there is one.

    Args:
        fields: As those of `LLMConfig`; the ones left out have its defaults, and others are ignored.

    Returns:
        Which field its client or model does not take, and what to do; None if all are taken.
    """
    given = {name: fields[name] for name in LLMConfig.model_fields if name in fields}
    try:
        check_settings({**_DEFAULTS, **given})
    except Unsupported as exc:
        return exc
    return None


_DEFAULTS = {name: field.default for name, field in LLMConfig.model_fields.items()}
