"""
ShareGPT: `conversations` of `from` and `value`, calls and results as LLaMA-Factory and axolotl read them.

Source: https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html. A call is
`{"name", "arguments"}`; several of one reply are a list, and so are their results, since there it is always
the turn of one side or the other.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

import pyarrow as pa

from minference_core import ids
from minference_core.export.chat import JsonObject, with_system_prompt
from minference_core.export.conversation import Call, Conversation, Said
from minference_core.export.thinking import thought
from minference_core.threads import MessageRole

__all__ = ["SHAREGPT", "sharegpt_row"]

SHAREGPT = pa.schema(
    [
        ("id", pa.string()),
        ("conversations", pa.string()),
        ("tools", pa.string()),
        ("images", pa.list_(pa.string())),
    ]
)

_FROM = {MessageRole.user: "human", MessageRole.assistant: "gpt", MessageRole.system: "system"}
_IMAGE = "<image>"  # stands where a picture is shown; `images` has them in order


def sharegpt_row(conversation: Conversation, *, reasoning: bool) -> JsonObject:
    """One line; every line has the same keys."""
    said = with_system_prompt(conversation)
    return {
        "id": conversation.thread_id,
        "conversations": [{"from": who, "value": value} for who, value in _turns(said, reasoning=reasoning)],
        "tools": conversation.tools or "",
        "images": [image.url for one in said for image in one.images],
    }


def _turns(said: list[Said], *, reasoning: bool) -> Iterator[tuple[str, str]]:
    for is_result, group in groupby(said, key=lambda one: one.role == MessageRole.tool):
        if is_result:
            contents = [one.content for one in group]
            yield "observation", contents[0] if len(contents) == 1 else _as_one(list(map(_result, contents)))
            continue
        for one in group:
            yield from _turn(one, reasoning=reasoning)


def _turn(one: Said, *, reasoning: bool) -> Iterator[tuple[str, str]]:
    """Words beside calls are a turn of their own: a call is nothing but JSON."""
    before = thought(one) if reasoning else ""
    if not one.calls:
        yield _FROM[MessageRole(one.role)], _IMAGE * len(one.images) + before + one.content
        return
    if one.content:
        yield "gpt", before + one.content
        before = ""
    yield "function_call", before + _as_one(list(map(_call, one.calls)))


def _as_one(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _call(call: Call) -> str:
    return f'{{"name": {ids.json_text(call.name)}, "arguments": {call.arguments}}}'


def _result(content: str) -> str:
    """As it is where it is JSON, else as a JSON string: what stands in a list of several."""
    with suppress(ValueError):
        ids.parse_json(content)
        return content
    return ids.json_text(content)
