"""
Thinking in the Messages API: who may ask for it, and that its blocks come back as they were.

Adaptive thinking does not want earlier turns to begin with a thinking block; a budget does.
"""

from random import Random
from typing import Any

from minference_core.simulator.anthropic.refusals import bad, required
from minference_core.simulator.models import ClaudeModel
from minference_core.simulator.seals import signature, signed
from minference_core.simulator.wire import Ask, JsonObject

__all__ = ["check_thinking", "check_thinking_block", "must_think", "thinking_block", "thinking_tokens"]

_TOKENS_BY_EFFORT = {"low": 30, "medium": 60, "high": 120, "xhigh": 240, "max": 400}
_THOUGHT = "Let me work out what is being asked, and then answer it."
_ADVICE = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
_BLOCKS = ("thinking", "redacted_thinking")


def check_thinking(body: JsonObject, model: ClaudeModel) -> None:
    """
    Raises:
        Refused: This model does not think in this way, or not with the rest of the request.
    """
    if _forces(body) and not model.forced_tools:
        raise bad('tool_choice: forced tool use is not supported for this model. Use "auto".')
    thinking = body.get("thinking")
    if thinking is None or not _is_on(thinking, body, model):
        return
    if _forces(body):
        raise bad("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1):
        raise bad("`temperature` may only be set to 1 when thinking is enabled.")
    if thinking["type"] == "enabled":
        _loop_begins_with_thinking(body["messages"])


def _is_on(thinking: JsonObject, body: JsonObject, model: ClaudeModel) -> bool:
    kind = thinking.get("type")
    match kind:
        case "disabled" | "between_tools":
            if kind not in model.thinking_off:
                raise bad(f'"thinking.type.{kind}" is not supported for this model. {_ADVICE}')
            return False
        case "adaptive":
            if not model.adaptive:
                raise bad("adaptive thinking is not supported on this model")
        case "enabled":
            _budget(thinking.get("budget_tokens"), body, model)
        case _:
            tags = "'adaptive', 'between_tools', 'disabled', 'enabled'"
            found = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
            raise bad(f"thinking: {found}")
    return True


def _forces(body: JsonObject) -> bool:
    return (body.get("tool_choice") or {}).get("type") in ("any", "tool")


def check_thinking_block(where: str, block: JsonObject, role: str) -> None:
    """
    Raises:
        Refused: It is not the assistant's, is marked for caching, or no simulator wrote it like this.
    """
    kind = block["type"]
    if role != "assistant":
        raise bad(f"{where}: `{kind}` blocks are not permitted within `{role}` messages")
    if "cache_control" in block:
        raise bad(f"{where}.{kind}.cache_control: Extra inputs are not permitted")
    for field in ("signature", "thinking") if kind == "thinking" else ("data",):
        if field not in block:
            raise required(f"{where}.{kind}.{field}")
    if kind == "redacted_thinking":  # no simulator ever redacts
        raise bad(f"{where}: Invalid `data` in `redacted_thinking` block")
    if not signed(block["thinking"], block["signature"]):
        raise bad(f"{where}: Invalid `signature` in `thinking` block")


def thinking_tokens(body: JsonObject, model: ClaudeModel, choice: str) -> int:
    """How many tokens thinking may take at most; 0 if there is none."""
    kind = (body.get("thinking") or {}).get("type", "adaptive" if model.thinks_unasked else "disabled")
    if kind == "disabled" or choice in ("required", "named"):
        return 0
    effort = (body.get("output_config") or {}).get("effort") or "high"
    return _TOKENS_BY_EFFORT[effort]


def must_think(body: JsonObject) -> bool:
    """With a budget every reply begins with thinking; else the model decides for itself."""
    return (body.get("thinking") or {}).get("type") == "enabled"


def thinking_block(ask: Ask, rng: Random) -> JsonObject:
    shown = _THOUGHT if ask.show_thinking else ""
    return {"type": "thinking", "thinking": shown, "signature": signature(shown, rng.randbytes(18))}


def _budget(budget: Any, body: JsonObject, model: ClaudeModel) -> None:
    if not model.budget:
        raise bad(f'"thinking.type.enabled" is not supported for this model. {_ADVICE}')
    if budget is None:
        raise bad("thinking.enabled.budget_tokens: Field required")
    if not isinstance(budget, int) or budget < 1024:
        raise bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise bad("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _loop_begins_with_thinking(messages: list[JsonObject]) -> None:
    """In a tool loop the last turn of the assistant must begin with what it thought."""
    at = len(messages) - 2
    if at < 0 or messages[at]["role"] != "assistant" or not isinstance(messages[at]["content"], list):
        return
    kinds = [block["type"] for block in messages[at]["content"]]
    if "tool_use" not in kinds or kinds[0] in _BLOCKS:
        return
    rule = (
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding"
        " the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks"
        " from previous turns. To avoid this requirement, disable `thinking`."
    )
    found = f"Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`."
    raise bad(f"messages.{at}.content.0.type: {found} {rule}")
