"""
How a thread looks on the wire: messages, system prompt and tools in the providers' forms.

What else a request holds is `providers/`, which takes these parts from here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minference_core import ids
from minference_core.threads.capabilities import capabilities
from minference_core.threads.config import LLMClient, ResponseFormat
from minference_core.threads.messages import MessageRole
from minference_core.threads.said import Said, said
from minference_core.threads.strict import is_strict_legal
from minference_core.tools import StructuredTool

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread, Tool

__all__ = [
    "anthropic_messages",
    "messages",
    "openai_messages",
    "openai_response_format",
    "system_message",
    "tool_form",
    "tools",
    "use_postfill",
    "use_prefill",
]

JsonObject = dict[str, Any]

_JSON_BY_WORDS = (ResponseFormat.json_beg, ResponseFormat.json_object)

# Anthropic wants the first word and the last one to be the user's, and none of them to be blank.
_OPENING = "(The conversation begins.)"
_GO_ON = "Continue."
_NOTHING = "(nothing)"


def use_prefill(thread: "ChatThread") -> bool:
    """Whether the model takes a begun reply, and is to be given one."""
    config = thread.llm_config
    if config.response_format != ResponseFormat.json_beg or not thread.prefill.strip():
        return False
    return capabilities(config.client, config.model).prefill


def use_postfill(thread: "ChatThread") -> bool:
    """Whether JSON is asked for in the question, because nothing else that is sent asks for it."""
    if thread.llm_config.response_format not in _JSON_BY_WORDS or use_prefill(thread):
        return False
    # OpenAI refuses json_object where no message has the word.
    return "json" not in _schema_instruction(thread).lower()


# ── OpenAI's chat format ──────────────────────────────────────────────────────


def system_message(thread: "ChatThread") -> JsonObject | None:
    text = _system_text(thread)
    return {"role": _system_role(thread), "content": text} if text else None


def openai_messages(thread: "ChatThread") -> list[JsonObject]:
    """System messages inside the history stand where they were said."""
    system = system_message(thread)
    written = [] if system is None else [system]
    for one in _asked(thread):
        role = _system_role(thread) if one.role == MessageRole.system else one.role.value
        written += _openai(one, role)
    if use_prefill(thread):
        written.append({"role": "assistant", "content": thread.prefill})
    return written


def _openai(one: Said, role: str) -> list[JsonObject]:
    if not one.calls:
        return [{"role": role, "content": one.text}]
    calls = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": ids.json_text(call.arguments)},
        }
        for call in one.calls
    ]
    results = [{"role": "tool", "content": call.result, "tool_call_id": call.call_id} for call in one.calls]
    return [{"role": role, "content": one.text or None, "tool_calls": calls}, *results]


def _system_role(thread: "ChatThread") -> str:
    return "developer" if thread.llm_config.reasoner else "system"


def openai_response_format(thread: "ChatThread") -> JsonObject | None:
    """A schema that OpenAI would refuse as strict is not called strict."""
    form, tool = thread.llm_config.response_format, thread.forced_output
    if form == ResponseFormat.json_object:
        return {"type": "json_object"}
    if form != ResponseFormat.structured_output or not isinstance(tool, StructuredTool):
        return None
    wanted = tool.get_openai_json_schema_response()
    if wanted is None:
        return None
    strict = tool.strict_schema and is_strict_legal(tool.json_schema)
    return {**wanted, "json_schema": {**wanted["json_schema"], "strict": strict}}


# ── Anthropic's format ────────────────────────────────────────────────────────


def anthropic_messages(thread: "ChatThread") -> tuple[list[JsonObject], list[JsonObject]]:
    """
    The system blocks, at most one, and the messages.

    System messages inside the history go to the end of the system text, in order. What follows the
    results of calls is in one message with them; plain texts stay plain.
    """
    spoken = _asked(thread)
    system = [_system_text(thread), *(one.text for one in spoken if one.role == MessageRole.system)]
    written: list[JsonObject] = []
    for one in spoken:
        if one.role == MessageRole.assistant:
            written += _anthropic_reply(one)
        elif one.role == MessageRole.user:
            _add_question(written, one.text if one.text.strip() else _NOTHING)
    if written and written[0]["role"] == "assistant":
        written.insert(0, {"role": "user", "content": _OPENING})
    if spoken and (not written or written[-1]["role"] == "assistant"):
        written.append({"role": "user", "content": _GO_ON})
    if use_prefill(thread):
        # "final assistant content cannot end with trailing whitespace"
        written.append({"role": "assistant", "content": thread.prefill.rstrip()})
    text = "\n\n".join(part for part in system if part)
    return ([_text(text)] if text else []), written


def _anthropic_reply(one: Said) -> list[JsonObject]:
    """An assistant message and the results of its calls; nothing for one that says nothing."""
    is_blank = not one.text.strip()
    if not one.calls:
        return [] if is_blank else [{"role": "assistant", "content": one.text}]
    blocks = [] if is_blank else [_text(one.text)]
    blocks += [
        {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments}
        for call in one.calls
    ]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call.call_id,
            "content": call.result,
            "is_error": call.is_error,
        }
        for call in one.calls
    ]
    return [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]


def _add_question(written: list[JsonObject], text: str) -> None:
    if written and written[-1]["role"] == "user" and isinstance(written[-1]["content"], list):
        written[-1]["content"].append(_text(text))
    else:
        written.append({"role": "user", "content": text})


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


# ── in the form of the thread's own client ────────────────────────────────────


def messages(thread: "ChatThread") -> list[JsonObject]:
    if thread.llm_config.client == LLMClient.anthropic:
        return anthropic_messages(thread)[1]
    return openai_messages(thread)


def tools(thread: "ChatThread") -> list[JsonObject] | None:
    forms = [tool_form(tool, thread.llm_config.client) for tool in thread.offered_tools]
    return [form for form in forms if form is not None] or None


def tool_form(tool: "Tool", client: LLMClient) -> JsonObject | None:
    if client == LLMClient.anthropic:
        form = tool.get_anthropic_tool(use_cache=False)
        return form and {**form, "input_schema": _of_object(form["input_schema"])}
    form = tool.get_openai_tool()
    return form and {
        **form,
        "function": {**form["function"], "parameters": _of_object(form["function"]["parameters"])},
    }


def _of_object(schema: Mapping[str, Any]) -> JsonObject:
    """A call's arguments are an object, and the schema must say so: one that refers to others may not."""
    return dict(schema) if "type" in schema else {"type": "object", **schema}


# ── what both formats say ─────────────────────────────────────────────────────


def _asked(thread: "ChatThread") -> list[Said]:
    spoken = said(
        thread.history,
        client=thread.llm_config.client,
        new_message=thread.new_message,
        use_history=thread.use_history,
    )
    return _with_postfill(spoken, thread.postfill) if use_postfill(thread) else spoken


def _with_postfill(spoken: list[Said], postfill: str) -> list[Said]:
    """Added to the last question; to none, it is one."""
    questions = [at for at, one in enumerate(spoken) if one.role == MessageRole.user]
    if not questions:
        return [*spoken, Said(MessageRole.user, postfill.strip())]
    last = questions[-1]
    spoken[last] = replace(spoken[last], text=spoken[last].text + postfill)
    return spoken


def _system_text(thread: "ChatThread") -> str:
    prompt = thread.system_prompt.content if thread.system_prompt is not None else ""
    return "\n".join(part for part in (prompt, _schema_instruction(thread)) if part)


def _schema_instruction(thread: "ChatThread") -> str:
    """Nothing where none is asked for."""
    tool = thread.forced_output
    return (
        tool.schema_instruction if thread.use_schema_instruction and isinstance(tool, StructuredTool) else ""
    )
