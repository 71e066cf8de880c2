"""
What of a thread is asked next, in our words: who says what, how JSON is asked for, and under which prompt.

The wire formats write it down: `chat_view.py`, `messages_view.py`, `responses_view.py`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from minference_core.threads.config import ResponseFormat
from minference_core.threads.messages import MessageRole
from minference_core.threads.said import Reader, Said, said
from minference_core.threads.settings import takes, thinks
from minference_core.tools import StructuredTool

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread

__all__ = ["spoken", "system_text", "use_postfill", "use_prefill"]

_JSON_BY_WORDS = (ResponseFormat.json_beg, ResponseFormat.json_object)


def use_prefill(thread: "ChatThread") -> bool:
    """Whether the model takes a begun reply, and is to be given one."""
    config = thread.llm_config
    if config.response_format != ResponseFormat.json_beg or not thread.prefill.strip():
        return False
    taken = takes(config.__dict__)
    # "When using extended thinking, assistant prefill is not supported", says Anthropic.
    return taken.prefill and not ("budget" in taken.thinking and thinks(config.__dict__, taken))


def use_postfill(thread: "ChatThread") -> bool:
    """Whether JSON is asked for in the question, because nothing else that is sent asks for it."""
    if thread.llm_config.response_format not in _JSON_BY_WORDS or use_prefill(thread):
        return False
    # OpenAI refuses json_object where no message has the word.
    return "json" not in _schema_instruction(thread).lower()


def system_text(thread: "ChatThread") -> str:
    prompt = thread.system_prompt.content if thread.system_prompt is not None else ""
    return "\n".join(part for part in (prompt, _schema_instruction(thread)) if part)


def spoken(thread: "ChatThread", wire: str, *, postfill: bool | None = None) -> list[Said]:
    """
    What is said, JSON being asked for where it has to be.

    Args:
        wire: The wire format's name.
        postfill: Whether it is asked for in the question; as `use_postfill` says when left out.
    """
    config = thread.llm_config
    messages = said(
        thread.history,
        reader=Reader(client=config.client, model=config.model, wire=wire),
        new_message=thread.new_message,
        new_images=thread.new_images,
        use_history=thread.use_history,
    )
    wanted = use_postfill(thread) if postfill is None else postfill
    return _with_postfill(messages, thread.postfill) if wanted else messages


def _with_postfill(messages: list[Said], postfill: str) -> list[Said]:
    """Added to the last question; to none, it is one."""
    questions = [at for at, one in enumerate(messages) if one.role == MessageRole.user]
    if not questions:
        return [*messages, Said(MessageRole.user, postfill.strip())]
    last = questions[-1]
    messages[last] = replace(messages[last], text=messages[last].text + postfill)
    return messages


def _schema_instruction(thread: "ChatThread") -> str:
    """Nothing where none is asked for."""
    tool = thread.forced_output
    if not thread.use_schema_instruction or not isinstance(tool, StructuredTool):
        return ""
    return tool.schema_instruction
