"""
ChatML: as a list of messages, which TRL and others put through a model's own template, or as the text itself.

Sources: https://huggingface.co/docs/trl/dataset_formats for the list; for the text the templates of Qwen's
models, which say tools, calls and results in ChatML as most others do.
"""

import json
from functools import lru_cache

import pyarrow as pa

from minference_core import ids
from minference_core.export.chat import JsonObject, chat_message, with_system_prompt
from minference_core.export.conversation import Call, Conversation, Said, Unfit
from minference_core.export.thinking import thought
from minference_core.threads import MessageRole

__all__ = ["CHATML", "CHATML_TEXT", "chatml_row", "chatml_text_row"]

CHATML = pa.schema([("messages", pa.string()), ("tools", pa.string())])
CHATML_TEXT = pa.schema([("text", pa.string())])

_BEGIN, _END = "<|im_start|>", "<|im_end|>"
_TOOLS = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def chatml_row(conversation: Conversation, *, reasoning: bool) -> JsonObject:
    """A list of messages; `tools` is JSON text in every line, a column of one type to whoever infers it."""
    messages = [_message(one, reasoning=reasoning) for one in with_system_prompt(conversation)]
    return {"messages": messages, "tools": conversation.tools or "[]"}


def _message(said: Said, *, reasoning: bool) -> JsonObject:
    message = chat_message(said)
    if said.role == MessageRole.tool and said.name:
        message["name"] = said.name
    if reasoning and said.reasoning:
        message["reasoning_content"] = said.reasoning
    return message


def chatml_text_row(conversation: Conversation, *, reasoning: bool) -> JsonObject | Unfit:
    """The whole text. Pictures have no place in it; a message that holds a mark itself would end there."""
    turns = _turns(conversation, reasoning=reasoning)
    if any(mark in words for _, words in turns for mark in (_BEGIN, _END)):
        return Unfit.CHATML_MARKS
    return {"text": "".join(f"{_BEGIN}{role}\n{words}{_END}\n" for role, words in turns)}


def _turns(conversation: Conversation, *, reasoning: bool) -> list[tuple[str, str]]:
    """Who says what. Results that follow each other are told in one message of the user."""
    turns: list[tuple[str, str]] = []
    system = conversation.system_prompt
    if conversation.tools is not None:
        system = "\n\n".join(filter(None, [system, _offer(conversation.tools)]))
    if system is not None:
        turns.append(("system", system))
    of_result = False
    for one in conversation.messages:
        is_result = one.role == MessageRole.tool
        if is_result and of_result:
            turns[-1] = ("user", f"{turns[-1][1]}\n{_words(one, reasoning=reasoning)}")
        else:
            turns.append(("user" if is_result else one.role, _words(one, reasoning=reasoning)))
        of_result = is_result
    return turns


@lru_cache(maxsize=256)
def _offer(tools: str) -> str:
    """The tools in words: a dataset has few, its rows many."""
    return _TOOLS.format("\n".join(map(ids.json_text, json.loads(tools))))


def _words(said: Said, *, reasoning: bool) -> str:
    if said.role == MessageRole.tool:
        return f"<tool_response>\n{said.content}\n</tool_response>"
    calls = "\n".join(map(_call, said.calls))
    words = "\n".join(filter(None, [said.content, calls]))
    return thought(said) + words if reasoning else words


def _call(call: Call) -> str:
    return f'<tool_call>\n{{"name": {ids.json_text(call.name)}, "arguments": {call.arguments}}}\n</tool_call>'
