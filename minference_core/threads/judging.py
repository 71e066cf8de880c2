"""Whether a reply is what its thread asked for, and what of it may be carried out."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.threads.config import ResponseFormat
from minference_core.threads.json_text import check_depth, json_in
from minference_core.threads.reply import Reply, ToolCall
from minference_core.threads.thread import ChatThread
from minference_core.tools import StructuredTool

__all__ = [
    "ToolResult",
    "Verdict",
    "check_call",
    "failed_call",
    "is_cut_off",
    "judge",
    "results_without_running",
]

_VALIDATED = ids.json_text({"status": "validated", "message": "Schema validation successful"})
_AT_THE_LIMIT = (None, "length", "max_tokens", "max_output_tokens", "model_length")
_JSON_FORMATS = (ResponseFormat.json_beg, ResponseFormat.json_object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a reply is what was asked for, and the object in it if one was."""

    error: ErrorClass | None = None
    message: str | None = None
    json_object: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What running a call gave: `content` is JSON, and goes to the model as it is."""

    call: ToolCall
    content: str
    is_error: bool = False


def judge(thread: ChatThread, reply: Reply) -> Verdict:
    """Hold a reply against what its thread asked for."""
    if reply.finish == "refusal":
        return Verdict(error=ErrorClass.REFUSAL, message=reply.text or "the model declined to answer")
    if reply.finish == "content_filter":
        return Verdict(error=ErrorClass.CONTENT_FILTER, message="the provider's filter ended the reply")
    if reply.finish == "length":
        limit, word = thread.llm_config.max_tokens, reply.finish_reason
        why = f"at max_tokens={limit}: raise it" if word in _AT_THE_LIMIT else f"by the provider ({word})"
        return Verdict(error=ErrorClass.TRUNCATED, message=f"cut off {why}")
    match thread.llm_config.response_format:
        case ResponseFormat.tool | ResponseFormat.workflow:
            return _judge_forced_call(thread, reply)
        case ResponseFormat.auto_tools if reply.tool_calls:
            return Verdict(json_object=reply.tool_calls[0].arguments)
    if not reply.text:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message="the reply is empty")
    if thread.llm_config.response_format == ResponseFormat.structured_output:
        return _judge_structured(thread, reply.text)
    if thread.llm_config.response_format in _JSON_FORMATS:
        return _judge_json(thread, reply.text)
    return Verdict()


def _judge_structured(thread: ChatThread, text: str) -> Verdict:
    try:
        value = ids.parse_json(text)
        check_depth(value)
    except ValueError as exc:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=f"the reply is not JSON: {exc}")
    tool = thread.forced_output
    problem = tool.problem_with(value) if isinstance(tool, StructuredTool) else None
    if problem is not None:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=problem)
    return Verdict(json_object=value)


def _judge_json(thread: ChatThread, text: str) -> Verdict:
    # A reply that was begun for the model goes on where that left off, perhaps within the JSON.
    if thread.use_prefill:
        with suppress(ValueError):
            return Verdict(json_object=json_in(thread.prefill + text))
    try:
        return Verdict(json_object=json_in(text))
    except ValueError as exc:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=f"the reply is not JSON: {exc}")


def _judge_forced_call(thread: ChatThread, reply: Reply) -> Verdict:
    wanted = thread.forced_tool.name if thread.forced_tool is not None else ""
    wanted_calls = [call for call in reply.tool_calls if call.name == wanted]
    if not wanted_calls:
        called = ", ".join(call.name for call in reply.tool_calls) or "nothing"
        message = f"the reply calls {called}, not the tool {wanted}"
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=message)
    problems = [(call, check_call(thread, call)) for call in wanted_calls]
    call, problem = next(((call, None) for call, problem in problems if problem is None), problems[0])
    if problem is not None:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=problem, json_object=call.arguments)
    return Verdict(json_object=call.arguments)


def is_cut_off(verdict: Verdict) -> bool:
    """Whether a reply ended before it was whole, so that what it asks for must not be done."""
    return verdict.error in (ErrorClass.REFUSAL, ErrorClass.CONTENT_FILTER, ErrorClass.TRUNCATED)


def check_call(thread: ChatThread, call: ToolCall) -> str | None:
    """Why a call cannot be carried out; None if it can be tried."""
    if call.problem is not None:
        return call.problem
    tool = thread.offered_tool(call.name)
    if tool is None:
        offered = ", ".join(tool.name for tool in thread.offered_tools)
        return f"there is no tool {call.name}: there are {offered}"
    if isinstance(tool, StructuredTool) and tool.post_validate_schema:
        return tool.problem_with(call.arguments)
    return None


def results_without_running(thread: ChatThread, reply: Reply, verdict: Verdict) -> list[ToolResult | None]:
    """
    What each call of a reply comes to, in order, where that follows from the call; None where the tool
    has to be run.

    A call of an unknown tool or with arguments that do not fit is an error that the model sees. The calls of
    a reply that was refused or cut off are not run, nor is more than one of a workflow's step.
    """
    if is_cut_off(verdict):
        return [failed_call(call, f"not run: {verdict.message}") for call in reply.tool_calls]
    results: list[ToolResult | None] = []
    taken = False
    for call in reply.tool_calls:
        problem = check_call(thread, call)
        is_workflow = thread.llm_config.response_format == ResponseFormat.workflow
        if problem is None and taken and is_workflow:
            problem = f"not run: this step takes one call of {call.name}"
        if problem is not None:
            results.append(failed_call(call, problem))
            continue
        taken = True
        structured = isinstance(thread.offered_tool(call.name), StructuredTool)
        results.append(ToolResult(call=call, content=_VALIDATED) if structured else None)
    return results


def failed_call(call: ToolCall, why: str) -> ToolResult:
    """The result of a call that gave none, in words for the model."""
    # What could not be stored or sent again has no place in what the model is told.
    text = why.encode("utf-8", "replace").decode()
    return ToolResult(call=call, content=ids.json_text({"error": text}), is_error=True)
