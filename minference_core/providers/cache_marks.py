"""
Where Anthropic is told to keep what it has read, so that the next request need not pay for it again.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching: a mark keeps everything up
to it, and a request may have four.
"""

from typing import Any

from minference_core.providers.base import JsonObject

__all__ = ["marked"]

_MARK = {"cache_control": {"type": "ephemeral"}}
_UNMARKABLE = ("thinking", "redacted_thinking")


def marked(body: JsonObject) -> JsonObject:
    """
    The body with its marks: on the prompt, the first tool, the last message and the one two before it.

    The last message is kept for the request after this one, which begins with it; the one two before is
    where the request before this one ended.
    """
    written = dict(body)
    messages = list(body["messages"])
    has_system = bool(body.get("system"))
    if has_system:
        written["system"] = _blocks(body["system"])
    last = len(messages) + has_system - 1  # counted with the prompt as the first
    for at in {last, max(0, last - 2)}:
        if (index := at - has_system) >= 0:
            messages[index] = {**messages[index], "content": _blocks(messages[index]["content"])}
    written["messages"] = messages
    if body.get("tools"):
        first, *others = body["tools"]
        written["tools"] = [first | _MARK, *others]
    return written


def _blocks(content: Any) -> Any:
    """The content with a mark on its last block that can have one; as it is if none can."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    for at in reversed(range(len(blocks))):
        if _is_markable(blocks[at]):
            blocks[at] = blocks[at] | _MARK
            return blocks
    return content


def _is_markable(block: JsonObject) -> bool:
    if block["type"] in _UNMARKABLE:
        return False
    return block["type"] != "text" or bool(block["text"].strip())
