"""
OpenAI's fine-tuning files: one example a line, `messages` and what may stand beside it.

Source: https://platform.openai.com/docs/api-reference/fine-tuning/chat-input. A key that is not named there
is refused, so nothing of ours is in a line; there is no place for reasoning. `weight` 0 marks replies that
are context only: those that the model was told are no use.
"""

import orjson
import pyarrow as pa

from minference_core.export.chat import JsonObject, chat_message, with_system_prompt
from minference_core.export.conversation import Conversation, Unfit, no_use
from minference_core.threads import MessageRole

__all__ = ["OPENAI", "openai_row"]

OPENAI = pa.schema(
    [("messages", pa.string()), ("tools", pa.string()), ("parallel_tool_calls", pa.bool_())]
)  # JSON has no columns: these are the keys


def openai_row(conversation: Conversation, *, reasoning: bool) -> JsonObject | Unfit:
    """One line; OpenAI refuses a file with an example that has no reply to learn from."""
    useless = no_use(conversation)
    replies = {at for at, one in enumerate(conversation.messages) if one.role == MessageRole.assistant}
    if not replies - useless:
        return Unfit.NO_REPLY
    messages = [chat_message(one) for one in with_system_prompt(conversation)]
    shift = len(messages) - len(conversation.messages)
    for at in useless:
        messages[at + shift]["weight"] = 0
    if conversation.tools is None:
        return {"messages": messages}
    row: JsonObject = {"messages": messages, "tools": orjson.Fragment(conversation.tools)}
    if any(len(one.calls) > 1 for one in conversation.messages):
        row["parallel_tool_calls"] = True
    return row
