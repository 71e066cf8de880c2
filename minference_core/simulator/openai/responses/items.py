"""The `input` of a Responses request: each item by itself, and whether they belong together."""

from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.openai.responses.ids import is_encrypted_for, reasoning_id_of
from minference_core.simulator.openai.responses.parts import check_parts, listed
from minference_core.simulator.wire import JsonObject

__all__ = ["check_items", "kind_of"]

_FIELDS = {  # kind: (required, optional)
    "message": (("role", "content"), ("type", "id", "status", "phase")),
    "function_call": (
        ("call_id", "name", "arguments"),
        ("type", "id", "status", "caller", "namespace", "async"),
    ),
    "function_call_output": (("call_id", "output"), ("type", "id", "status", "caller")),
    "reasoning": (("id", "summary"), ("type", "status", "content", "encrypted_content")),
}
_ROLES = ("assistant", "system", "developer", "user")
_ID_BEGINS = {"message": "msg", "function_call": "fc", "function_call_output": "fc", "reasoning": "rs"}


def kind_of(item: JsonObject) -> str | None:
    """Its type; one with a role and no type is a message."""
    return item.get("type", "message" if "role" in item else None)


def check_items(items: list[JsonObject], *, stored: bool) -> None:
    """
    Args:
        stored: Whether the API keeps this response: reasoning that it does not keep must be brought along.

    Raises:
        Refused: An item is not in order, or its partner is not there.
    """
    for at, item in enumerate(items):
        _check_item(f"input[{at}]", item)
    _no_twins(items)
    _calls_answered(items)
    _reasoning_whole(items, stored=stored)


def _check_item(where: str, item: JsonObject) -> None:
    kind = kind_of(item)
    if kind is None:
        raise missing(f"{where}.type")
    if kind not in _FIELDS:
        text = f"Invalid value: '{kind}'. Supported values are: {listed(tuple(_FIELDS))}."
        raise bad(text, where, "invalid_value")
    required, optional = _FIELDS[kind]
    for field in required:
        if item.get(field) is None:
            raise missing(f"{where}.{field}")
    for field in item:
        if field not in (*required, *optional):
            raise bad(f"Unknown parameter: '{where}.{field}'.", f"{where}.{field}", "unknown_parameter")
    begins = _ID_BEGINS[kind]
    if not item.get("id", begins).startswith(begins):
        text = f"Invalid '{where}.id': '{item['id']}'. Expected an ID that begins with '{begins}'."
        raise bad(text, f"{where}.id", "invalid_value")
    if kind == "function_call_output":
        check_parts(f"{where}.output", item["output"], "tool")
    if kind == "message":
        _check_message(where, item)


def _check_message(where: str, message: JsonObject) -> None:
    if (role := message["role"]) not in _ROLES:
        text = f"Invalid value: '{role}'. Supported values are: {listed(_ROLES)}."
        raise bad(text, f"{where}.role", "invalid_value")
    check_parts(f"{where}.content", message["content"], role)


def _no_twins(items: list[JsonObject]) -> None:
    seen: set[str] = set()
    for item in items:
        if (item_id := item.get("id")) in seen:
            advice = "Remove duplicate items from your input and try again."
            raise bad(f"Duplicate item found with id {item_id}. {advice}", "input")
        if item_id is not None:
            seen.add(item_id)


def _calls_answered(items: list[JsonObject]) -> None:
    waiting: dict[str, None] = {}
    for item in items:
        match kind_of(item):
            case "function_call":
                waiting[item["call_id"]] = None
            case "function_call_output" if item["call_id"] not in waiting:
                text = f"No tool call found for function call output with call_id {item['call_id']}."
                raise bad(text, "input")
            case "function_call_output":
                del waiting[item["call_id"]]
    for call_id in waiting:
        raise bad(f"No tool output found for function call {call_id}.", "input")


def _reasoning_whole(items: list[JsonObject], *, stored: bool) -> None:
    reasoned: set[str] = set()
    for item, after in zip(items, [*items[1:], None], strict=True):
        if kind_of(item) == "reasoning":
            _check_reasoning(item, after, stored=stored)
            reasoned.add(item["id"])
            continue
        needs = reasoning_id_of(item.get("id", ""))
        if needs is not None and needs not in reasoned:
            text = f"was provided without its required 'reasoning' item: '{needs}'."
            raise bad(f"Item '{item['id']}' of type '{kind_of(item)}' {text}", "input")


def _check_reasoning(item: JsonObject, after: JsonObject | None, *, stored: bool) -> None:
    item_id, content = item["id"], item.get("encrypted_content")
    if content is None and not stored:
        text = "Items are not persisted when `store` is set to false."
        advice = "Try again with `store` set to true, or remove this item from your input."
        raise bad(f"Item with id '{item_id}' not found. {text} {advice}", "input")
    if content is not None:
        _check_encrypted(item_id, content)
    follows = after is not None and (
        kind_of(after) == "function_call" or (kind_of(after) == "message" and after["role"] == "assistant")
    )
    own = None if after is None or not follows else reasoning_id_of(after.get("id", ""))
    if not follows or own not in (None, item_id):
        text = f"Item '{item_id}' of type 'reasoning' was provided without its required following item."
        raise bad(text, "input")


def _check_encrypted(item_id: str, content: str) -> None:
    ours = is_encrypted_for(content, item_id)
    if ours is None:
        shown = f"{content[:4]}...{content[-4:]}"
        reason = "Reason: Encrypted content could not be decrypted or parsed."
        text = f"The encrypted content {shown} could not be verified. {reason}"
        raise bad(text, None, "invalid_encrypted_content")
    if not ours:
        reason = "Reason: Encrypted content item_id did not match the target item id."
        text = f"The encrypted content for item {item_id} could not be verified. {reason}"
        raise bad(text, None, "invalid_encrypted_content")
