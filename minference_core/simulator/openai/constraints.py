"""
What vLLM refuses of its own fields: `structured_outputs`, and the `guided_*` ones that came before it.
"""

import re
from typing import Any

from minference_core.simulator.json_values import ANY_OBJECT
from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.openai.refusals import bad
from minference_core.simulator.openai.shape import check_user_schema
from minference_core.simulator.wire import JsonObject

__all__ = ["check_constraints", "constrained_json", "constrained_text"]

_REMOVED = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")
_KINDS = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")


def check_constraints(body: JsonObject, dialect: Dialect) -> None:
    """
    Raises:
        Refused: A field that was removed, or a constraint that is not one.
    """
    if dialect.name == "vllm":
        for field in _REMOVED:
            if field in body:
                advice = "Use 'structured_outputs' instead."
                raise bad(f"'{field}' is no longer supported. {advice}", field)
    structured = body.get("structured_outputs")
    if structured is None:
        return
    given = [kind for kind in _KINDS if structured.get(kind) is not None]
    if len(given) != 1:
        rule = "exactly one kind of constraint must be given"
        raise bad(f"structured_outputs: {rule}, but got {given or 'none'}.", "structured_outputs")
    _check(given[0], structured)


def _check(kind: str, structured: JsonObject) -> None:
    if kind == "json":
        check_user_schema(structured["json"], "structured_outputs", "structured_outputs")
    if kind == "choice" and not structured["choice"]:
        raise bad("structured_outputs: choice must have at least one element.", "structured_outputs")
    if kind == "grammar" and not structured["grammar"].strip():
        raise bad("structured_outputs: grammar must not be empty.", "structured_outputs")
    if kind == "regex":
        try:
            re.compile(structured["regex"])
        except (re.error, OverflowError, RecursionError) as error:
            message = f"structured_outputs: invalid regex: {error}"
            raise bad(message, "structured_outputs") from None


def constrained_json(body: JsonObject) -> Any:
    """The schema of the JSON that `structured_outputs` asks for; None if it asks for none."""
    structured = body.get("structured_outputs") or {}
    return ANY_OBJECT if structured.get("json_object") else structured.get("json")


def constrained_text(body: JsonObject) -> Any:
    """The schema of the bare text that `structured_outputs` asks for; None if it asks for none."""
    structured = body.get("structured_outputs") or {}
    if structured.get("choice"):
        return {"enum": structured["choice"]}
    if structured.get("regex"):
        return {"type": "string", "pattern": f"^(?:{structured['regex']})$"}
    return None
