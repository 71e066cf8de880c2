"""
How a thread looks on the wire: messages, system prompt and tools in the providers' forms.

What else a request holds is `providers/`, which takes these parts from here.
"""

from typing import TYPE_CHECKING, Any

from minference_core.threads.asking import system_text, use_postfill, use_prefill
from minference_core.threads.chat_view import openai_messages, openai_response_format, system_message
from minference_core.threads.config import LLMClient
from minference_core.threads.messages_view import anthropic_messages
from minference_core.threads.responses_view import responses_input, responses_text_format
from minference_core.threads.tool_forms import past_tool, responses_tools, tools

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread

__all__ = [
    "anthropic_messages",
    "messages",
    "openai_messages",
    "openai_response_format",
    "past_tool",
    "responses_input",
    "responses_text_format",
    "responses_tools",
    "system_message",
    "system_text",
    "tools",
    "use_postfill",
    "use_prefill",
]


def messages(thread: "ChatThread") -> list[dict[str, Any]]:
    """What is sent next, in the format of the thread's own client."""
    if thread.llm_config.client == LLMClient.anthropic:
        return anthropic_messages(thread)[1]
    return openai_messages(thread)
