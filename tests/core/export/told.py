"""Conversations for the formats to write, each the smallest that shows one thing."""

import json
from typing import Any

from minference_core.export import Call, Conversation, Picture, Said

LOOK_UP = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Finds an order.",
        "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}},
    },
}


def told(*messages: Said, **more: Any) -> Conversation:
    """A conversation of these messages, whatever else it is."""
    facts: dict[str, Any] = {
        "thread_id": "019b0000-0000-8000-8000-000000000001",
        "lineage_id": "019b0000-0000-8000-8000-000000000002",
        "split": 0,
        "dataset": "sales",
        "partition_key": "2026-01-01",
        "thread_key": "a",
        "sample": 0,
        "generation": 1,
        "client": "openai",
        "model": "gpt-4.1-mini",
        "error_class": None,
        "meta": None,
        "system_prompt": None,
        "tools": None,
    }
    return Conversation(messages=messages, **{**facts, **more})


PLAIN = told(Said("user", "Hi."), Said("assistant", "Hello."))
PROMPTED = told(Said("user", 'A "quote"\n— and 你好'), Said("assistant", "Yes."), system_prompt="Be brief.")
CALLS = told(
    Said("user", "Where are 1 and 2?"),
    Said(
        "assistant",
        "",
        reasoning="Two orders.",
        calls=(Call("c1", "look_up", '{"order": 1}'), Call("c2", "look_up", '{"order": 2}')),
    ),
    Said("tool", '{"at": "sea"}', call_id="c1", name="look_up"),
    Said("tool", "no luck", call_id="c2", name="look_up", is_error=True),
    Said("assistant", "1 is at sea.", reasoning="The other is lost."),
    tools=json.dumps([LOOK_UP]),
)
SPEAKS_AND_CALLS = told(
    Said("user", "Where is 1?"),
    Said("assistant", "Let me see.", calls=(Call("c1", "look_up", '{"order": 1}'),)),
    Said("tool", "plain words", call_id="c1", name="look_up"),
    Said("assistant", "Found."),
)
SHOWN = told(
    Said(
        "user",
        "What is it?",
        images=(Picture("https://x.test/a.png", "low"), Picture("data:image/png;base64,eA==")),
    ),
    Said("assistant", "A cat."),
)
MENDED = told(
    Said("user", "As JSON."),
    Said("assistant", "Sure!"),
    Said("user", "That cannot be used.", is_error=True),
    Said("assistant", "{}"),
)
CUT_OFF = told(Said("user", "Go on."), Said("assistant", "And the"), error_class="truncated")
UNANSWERED = told(Said("user", "Hello?"), error_class="timeout")
