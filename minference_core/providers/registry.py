"""Which provider serves which client, where it is by default, and what its settings are called."""

from collections.abc import Mapping
from dataclasses import dataclass

from minference_core.providers.anthropic import Anthropic
from minference_core.providers.asked import api_of
from minference_core.providers.base import Provider
from minference_core.providers.openai_chat import LITELLM, OPENAI, OPENROUTER, VLLM, OpenAIChat
from minference_core.providers.openai_responses import OpenAIResponses
from minference_core.threads import ChatThread

__all__ = ["PROVIDERS", "SIMULATOR", "Entry", "provider_for", "provider_of", "reader"]


# What the simulator calls itself in the header `server`: its answers are never counted as paid.
SIMULATOR = "minference-simulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One client: its adapter and its environment variables."""

    provider: Provider
    default_base_url: str
    url_variable: str
    key_variables: tuple[str, ...]  # the first that is set counts
    key_required: bool = True


PROVIDERS: Mapping[str, Entry] = {
    "openai": Entry(
        provider=OpenAIChat(OPENAI),
        default_base_url="https://api.openai.com/v1",
        url_variable="OPENAI_BASE_URL",
        key_variables=("OPENAI_API_KEY", "OPENAI_KEY"),
    ),
    "anthropic": Entry(
        provider=Anthropic(),
        default_base_url="https://api.anthropic.com",
        url_variable="ANTHROPIC_BASE_URL",
        key_variables=("ANTHROPIC_API_KEY",),
    ),
    "vllm": Entry(
        provider=OpenAIChat(VLLM),
        default_base_url="http://localhost:8000/v1",
        url_variable="VLLM_ENDPOINT",
        key_variables=("VLLM_API_KEY",),
        key_required=False,
    ),
    "litellm": Entry(
        provider=OpenAIChat(LITELLM),
        default_base_url="http://localhost:8000/v1",
        url_variable="LITELLM_ENDPOINT",
        key_variables=("LITELLM_API_KEY",),
        key_required=False,
    ),
    "openrouter": Entry(
        provider=OpenAIChat(OPENROUTER),
        default_base_url="https://openrouter.ai/api/v1",
        url_variable="OPENROUTER_ENDPOINT",
        key_variables=("OPENROUTER_API_KEY",),
    ),
}


_RESPONSES = OpenAIResponses()


def provider_for(client: str) -> Provider:
    """The adapter of a client: of the wire format that it is asked in by default."""
    return PROVIDERS[client].provider


def provider_of(thread: ChatThread) -> Provider:
    """The adapter that writes a thread's next request."""
    client = thread.llm_config.client
    if client == "openai" and api_of(thread) == "responses":
        return _RESPONSES
    return provider_for(client)


def reader(client: str, answer: object) -> Provider:
    """The adapter that reads a client's answer, whichever of its wire formats that is in."""
    return _RESPONSES if client != "anthropic" and _is_response(answer) else provider_for(client)


def _is_response(answer: object) -> bool:
    if not isinstance(answer, dict) or "choices" in answer:
        return False
    return answer.get("object") == "response" or isinstance(answer.get("output"), list)
