"""Reading the `messages` of a Messages request: are they in order, and what do they say."""

from typing import Any

from minference_core.simulator.anthropic.images import TOKENS_PER_IMAGE, check_image
from minference_core.simulator.anthropic.refusals import bad, required
from minference_core.simulator.anthropic.thinking import check_thinking_block
from minference_core.simulator.models import ClaudeModel
from minference_core.simulator.tokens import count_tokens
from minference_core.simulator.wire import JsonObject

__all__ = ["check_messages", "prompt_tokens", "text_of"]

_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_REQUEST = 4
_TOKENS_FOR_TOOLS = 300  # the hidden prompt that explains tools to the model


def check_messages(body: JsonObject, model: ClaudeModel) -> None:
    """
    Raises:
        Refused: `messages` is empty, of the wrong shape, ends in a prefill the model does not take, or leaves
            a tool call unanswered.
    """
    messages = body["messages"]
    if not messages:
        raise bad("messages: at least one message is required")
    waiting: set[str] = set()
    for at, message in enumerate(messages):
        waiting = _check_message(at, message, waiting, last=at == len(messages) - 1)
    if messages[0]["role"] == "assistant":
        raise bad('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant":
        _check_prefill(messages[-1], model)


def text_of(content: Any) -> str:
    """The words of a message's content, tool results included."""
    if isinstance(content, str):
        return content
    words: list[str] = []
    for block in content if isinstance(content, list) else ():
        if block.get("type") == "text":
            words.append(block.get("text", ""))
        elif block.get("type") == "tool_result":
            words.append(text_of(block.get("content") or ""))
    return "\n".join(words)


def prompt_tokens(body: JsonObject) -> int:
    """What the request weighs before it is answered."""
    total = _TOKENS_PER_REQUEST + count_tokens(text_of(body.get("system", "")))
    for message in body["messages"]:
        content = message["content"]
        total += _TOKENS_PER_MESSAGE + count_tokens(text_of(content))
        if isinstance(content, list):
            total += TOKENS_PER_IMAGE * _images(content)
            total += sum(count_tokens(str(b.get("input"))) for b in content if b.get("type") == "tool_use")
    if tools := body.get("tools"):
        total += _TOKENS_FOR_TOOLS + count_tokens(str(tools))
    if config := body.get("output_config"):
        total += count_tokens(str(config))
    return total


def _images(blocks: list[JsonObject]) -> int:
    """How many there are, those in results of tools too."""
    inner = (block["content"] for block in blocks if isinstance(block.get("content"), list))
    return sum(1 for block in blocks if block.get("type") == "image") + sum(_images(part) for part in inner)


def _check_message(at: int, message: JsonObject, waiting: set[str], *, last: bool) -> set[str]:
    """Check one message; returns the ids of tool calls that the next one must answer."""
    for field in ("role", "content"):
        if field not in message:
            raise required(f"messages.{at}.{field}")
    for field in message:
        if field not in ("role", "content"):
            raise bad(f"messages.{at}.{field}: Extra inputs are not permitted")
    role, content = message["role"], message["content"]
    if role not in ("user", "assistant", "system"):
        raise bad(f"messages.{at}.role: Input should be 'user', 'assistant' or 'system'")
    if not content and not (last and role == "assistant"):
        rule = "all messages must have non-empty content except for the optional final assistant message"
        raise bad(f"messages.{at}: {rule}")
    blocks = content if isinstance(content, list) else []
    for index, block in enumerate(blocks):
        _check_block(f"messages.{at}.content.{index}", block, role)
    _check_results(at, blocks, waiting)
    return {block["id"] for block in blocks if block["type"] == "tool_use"}


_FIELDS_OF = {"text": ("text",), "tool_use": ("id", "input", "name"), "tool_result": ("tool_use_id",)}


def _check_block(where: str, block: JsonObject, role: str) -> None:
    kind = block.get("type")
    if kind is None:
        raise required(f"{where}.type")
    for field in _FIELDS_OF.get(kind, ()):
        if field not in block:
            raise required(f"{where}.{kind}.{field}")
    match kind:
        case "text":
            _check_text(where, block)
        case "document" | "image" if role != "user":
            raise bad(f"{where}: `{kind}` blocks are not permitted within `{role}` messages")
        case "image":
            check_image(where, block)
        case "thinking" | "redacted_thinking":
            check_thinking_block(where, block, role)
        case "tool_result" if isinstance(block.get("content"), list):
            for at, part in enumerate(block["content"]):
                _check_block(f"{where}.tool_result.content.{at}", part, role)


def _check_text(where: str, block: JsonObject) -> None:
    if block["text"]:
        return
    if block.get("cache_control"):
        raise bad(f"{where}.text: cache_control cannot be set for empty text blocks")
    raise bad("messages: text content blocks must be non-empty")


def _check_results(at: int, blocks: list[JsonObject], waiting: set[str]) -> None:
    results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
    if stray := results - waiting:
        text = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        ids = ", ".join(sorted(stray))
        raise bad(
            f"messages.{at}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {ids}. {text}"
        )
    if missing := waiting - results:
        text = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
        ids = ", ".join(sorted(missing))
        found = "`tool_use` ids were found without `tool_result` blocks immediately after"
        raise bad(f"messages.{at - 1}: {found}: {ids}. {text}")


def _check_prefill(message: JsonObject, model: ClaudeModel) -> None:
    if not model.prefill:
        text = "This model does not support assistant message prefill."
        raise bad(f"{text} The conversation must end with a user message.")
    if text_of(message["content"]) != text_of(message["content"]).rstrip():
        raise bad("messages: final assistant content cannot end with trailing whitespace")
