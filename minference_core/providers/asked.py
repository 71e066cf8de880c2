"""What a thread asks for, held against what its model takes, once for all wire formats."""

from minference_core.providers.base import Unsupported
from minference_core.providers.capabilities import Capabilities, capabilities
from minference_core.threads import ChatThread, LLMConfig

__all__ = ["check"]

_SERVED = ("text", "structured_output")


def check(thread: ChatThread) -> Capabilities:
    """
    The model's capabilities, when it can do what is asked.

    Raises:
        Unsupported: It cannot; the message names the field and the remedy.
    """
    config = thread.llm_config
    takes = capabilities(config.client, config.model)
    if config.response_format not in _SERVED:
        raise Unsupported(
            "response_format", f"{config.response_format} is not served", f"use {' or '.join(_SERVED)}"
        )
    if config.response_format == "structured_output" and not takes.structured_output:
        raise Unsupported("response_format", f"{config.model} has no structured output", "use a newer model")
    for field, taken in _settings(takes).items():
        if getattr(config, field) is not None and not taken:
            raise Unsupported(field, f"{config.model} on {config.client} does not take it", "leave it null")
    _check_range(config)
    return takes


def _settings(takes: Capabilities) -> dict[str, bool]:
    return {
        "temperature": takes.sampling,
        "top_p": takes.sampling,
        "stop": takes.stop,
        "seed": takes.seed,
        "reasoning_effort": takes.reasoning_effort,
    }


def _check_range(config: LLMConfig) -> None:
    if config.client == "anthropic" and config.temperature is not None and config.temperature > 1:
        raise Unsupported("temperature", f"{config.temperature} is above Anthropic's 1", "use 0 to 1")
