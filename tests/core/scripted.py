"""A model that says what a test tells it to, in whichever of the three wire formats it is asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.core.hostile import http

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What a request says, whatever its format."""

    body: dict[str, Any]
    wire: str  # chat, responses or messages
    offered: list[str]
    forced: str | None
    results: list[str]  # of all calls so far, in order
    said: str  # the user's last words


Script = Callable[[Asked], "str | list[Call]"]


def model(script: Script) -> Callable[[bytes], bytes]:
    """An answer for `tests.core.hostile.server`: text, or calls."""

    def answer(raw: bytes) -> bytes:
        asked = _read(json.loads(raw))
        said = script(asked)
        calls = said if isinstance(said, list) else []
        text = said if isinstance(said, str) else ""
        return http(json.dumps(_WRITE[asked.wire](text, calls, len(asked.results))))

    return answer


def _read(body: dict[str, Any]) -> Asked:
    if "input" in body:
        outputs = [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]
        words = [item for item in body["input"] if item.get("role") == "user"]
        choice = body.get("tool_choice")
        names = [tool["name"] for tool in body.get("tools", [])]
        return Asked(body, "responses", names, _named(choice), outputs, _text(words[-1]["content"]))
    if body["model"].startswith("claude"):
        blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
        results = [_text(block["content"]) for block in blocks if block["type"] == "tool_result"]
        words = [text for m in body["messages"] if m["role"] == "user" and (text := _text(m["content"]))]
        names = [tool["name"] for tool in body.get("tools", [])]
        said = words[-1]
        return Asked(body, "messages", names, _named(body.get("tool_choice")), results, said)
    results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    words = [m for m in body["messages"] if m["role"] == "user"]
    names = [tool["function"]["name"] for tool in body.get("tools", [])]
    choice = body.get("tool_choice")
    forced = choice["function"]["name"] if isinstance(choice, dict) else None
    return Asked(body, "chat", names, forced, results, _text(words[-1]["content"]))


def _named(choice: Any) -> str | None:
    return choice.get("name") if isinstance(choice, dict) else None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _chat(text: str, calls: list[Call], nth: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{nth}_{n}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for n, (name, arguments) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


def _responses(text: str, calls: list[Call], nth: int) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    output: list[dict[str, Any]] = [
        {"type": "reasoning", "id": f"rs_{nth}", "summary": [], "encrypted_content": f"sealed-{nth}"}
    ]
    if text:
        output.append({"type": "message", "id": f"msg_{nth}", "role": "assistant", "status": "completed",
                       "content": content})  # fmt: skip
    output += [
        {
            "type": "function_call",
            "id": f"fc_{nth}_{n}",
            "call_id": f"call_{nth}_{n}",
            "name": name,
            "arguments": json.dumps(arguments),
            "status": "completed",
        }
        for n, (name, arguments) in enumerate(calls)
    ]
    usage = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    return {"id": "r", "object": "response", "status": "completed", "model": "m", "output": output,
            "usage": usage}  # fmt: skip


def _messages(text: str, calls: list[Call], nth: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Hm.", "signature": f"signed-{nth}"}]
    if text:
        content.append({"type": "text", "text": text})
    content += [
        {"type": "tool_use", "id": f"toolu_{nth}_{n}", "name": name, "input": arguments}
        for n, (name, arguments) in enumerate(calls)
    ]
    usage = {"input_tokens": 5, "output_tokens": 3}
    return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": "tool_use" if calls else "end_turn", "usage": usage}  # fmt: skip


_WRITE = {"chat": _chat, "responses": _responses, "messages": _messages}
