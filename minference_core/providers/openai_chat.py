"""
OpenAI's Chat Completions, and the servers that speak it: one `Dialect` value each.

Source: https://platform.openai.com/docs/api-reference/chat, the `openai` SDK 3.54's type files,
and each server's documentation as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minference_core.errors import Unsupported
from minference_core.providers.asked import Asked, check
from minference_core.providers.base import JsonObject, WireRequest, merged
from minference_core.providers.openai_chat_reply import read_reply
from minference_core.threads import ChatThread, LLMClient, Reply, views
from minference_core.threads.chat_view import CARRIED_IN

__all__ = ["LITELLM", "OPENAI", "OPENROUTER", "VLLM", "Dialect", "OpenAIChat"]

# Cannot change what is answered.
_NOT_ASKED = ("service_tier", "prompt_cache_key", "usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    One server's reading of the Chat Completions API.

    Attributes:
        reasoning_fields: Where thinking text arrives, if it does.
        inlines_thinking: It may arrive in the text, in tags, where nothing takes it out.
        reasoning_object: Effort goes into `reasoning: {"effort": …}`, and a budget into its `max_tokens`.
        own_fields: Settings that only this server has: of the config, and what it calls them.
        always: What is in every request.
        with_prefill: Without which a begun reply is history.
    """

    name: str
    reasoning_fields: tuple[str, ...] = ()
    inlines_thinking: bool = False
    reasoning_object: bool = False
    own_fields: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    with_prefill: Mapping[str, Any] = field(default_factory=dict)


OPENAI = Dialect(
    name="openai",
    own_fields={
        "verbosity": "verbosity",
        "service_tier": "service_tier",
        "prompt_cache_key": "prompt_cache_key",
    },
)
VLLM = Dialect(
    name="vllm",
    reasoning_fields=("reasoning", "reasoning_content"),
    inlines_thinking=True,
    own_fields={
        "structured_outputs": "structured_outputs",
        "chat_template_kwargs": "chat_template_kwargs",
    },
    with_prefill={"add_generation_prompt": False, "continue_final_message": True},
)
LITELLM = Dialect(name="litellm", reasoning_fields=("reasoning_content", "reasoning"), inlines_thinking=True)
OPENROUTER = Dialect(
    name="openrouter",
    reasoning_fields=("reasoning", "reasoning_content"),
    inlines_thinking=True,
    reasoning_object=True,
    own_fields={"provider_routing": "provider"},
    always={"usage": {"include": True}},  # it says what the answer cost
)


class OpenAIChat:
    """Writes and reads Chat Completions bodies in one server's dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def name(self) -> str:
        return self._dialect.name

    @property
    def dialect(self) -> str:
        return f"chat/{self._dialect.name}"

    def encode(self, thread: ChatThread) -> WireRequest:
        asked = check(thread)
        _check_api(thread, asked)
        said = merged(self._body(thread, asked), thread.llm_config.extra_body, deep=("reasoning",))
        beside = {name: value for name, value in self._beside(thread).items() if name not in said}
        return WireRequest("/v1/chat/completions", said | beside, asked=said)

    def decode(self, body: object) -> Reply:
        known = self._dialect
        return read_reply(
            body,
            known.reasoning_fields,
            inlines_thinking=known.inlines_thinking,
            carried_field=CARRIED_IN.get(LLMClient(known.name)),
        )

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def _body(self, thread: ChatThread, asked: Asked) -> JsonObject:
        config = thread.llm_config
        body: JsonObject = {"model": config.model, "messages": views.openai_messages(thread)}
        body["max_completion_tokens" if asked.takes.max_completion_tokens else "max_tokens"] = (
            config.max_tokens
        )
        body |= asked.settings
        if config.stop is not None:
            body["stop"] = list(config.stop)
        body |= self._reasoning(thread, _effort(thread, asked))
        if (form := views.openai_response_format(thread)) is not None:
            body["response_format"] = form
        if (tools := views.tools(thread)) is not None:
            body |= {"tools": tools, "tool_choice": _tool_choice(thread)}
        if views.use_prefill(thread):
            body |= self._dialect.with_prefill
        return body | self._own(thread, beside=False)

    def _beside(self, thread: ChatThread) -> JsonObject:
        return self._own(thread, beside=True) | dict(self._dialect.always)

    def _own(self, thread: ChatThread, *, beside: bool) -> JsonObject:
        """The settings that only this server has; `beside` what can change the answer, or those that can."""
        named = self._dialect.own_fields.items()
        values = {called: getattr(thread.llm_config, name) for name, called in named}
        return {
            called: value
            for called, value in values.items()
            if value is not None and (called in _NOT_ASKED) == beside
        }

    def _reasoning(self, thread: ChatThread, effort: str | None) -> JsonObject:
        budget = thread.llm_config.reasoning_max_tokens
        if budget is not None:
            return {"reasoning": {"max_tokens": budget}}
        if effort is None:
            return {}
        return (
            {"reasoning": {"effort": effort}}
            if self._dialect.reasoning_object
            else {"reasoning_effort": effort}
        )


def _check_api(thread: ChatThread, asked: Asked) -> None:
    config = thread.llm_config
    if "chat" not in asked.takes.apis:
        raise Unsupported("api", f"{config.model} is not in Chat Completions", "use responses")
    if config.service_tier == "ultrafast":
        raise Unsupported("service_tier", "Chat Completions has no ultrafast", "set api: responses")


def _effort(thread: ChatThread, asked: Asked) -> str | None:
    if asked.takes.tools_with_effort or not thread.offered_tools:
        return asked.effort
    if asked.effort not in (None, "none"):
        problem = f"{thread.llm_config.model} takes no tools with {asked.effort} in Chat Completions"
        raise Unsupported("reasoning_effort", problem, "use none, or set api: responses")
    return "none"


def _tool_choice(thread: ChatThread) -> str | JsonObject:
    if thread.forced_tool is None:
        return "auto"
    return {"type": "function", "function": {"name": thread.forced_tool.name}}
