"""
What a model takes in a request, as far as that differs between models.

Which model takes what is `families.py`. A config can correct it for a model that is not listed there, or
not rightly, with `capabilities`: the fields of `Capabilities` by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from minference_core.errors import Unsupported

__all__ = ["ALL_EFFORTS", "Api", "Capabilities", "ReasoningEffort", "overridden"]

Api = Literal["chat", "responses"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

ALL_EFFORTS: tuple[ReasoningEffort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """
    What one model takes in a request.

    Attributes:
        apis: Which of OpenAI's APIs serve it.
        max_completion_tokens: Chat Completions calls the limit that, and not `max_tokens`.
        developer_role: Instructions are the developer's, not the system's.
        sampling: When it takes temperature and top_p.
        temperature_with_top_p: Whether it takes both in one request.
        efforts: What `reasoning_effort` may be; empty for a model that does not reason by effort.
        reasons_unasked: Whether it may think when nothing is said of it.
        thinking_off: How Claude is told not to think; None where it cannot be, or does not unasked.
        forced_calls: Whether it can be made to call one tool; else that tool is all it is offered.
        thinking: How Claude is told to think: by effort, or with a budget of tokens.
        structured_output: Whether a schema can bind its reply.
        tools_with_effort: Whether Chat Completions takes function tools along with reasoning.
        prefill: Whether it goes on from a last assistant message.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    apis: tuple[Api, ...] = ("chat",)
    max_completion_tokens: bool = False
    developer_role: bool = False
    sampling: Literal["always", "without_reasoning", "never"] = "always"
    temperature_with_top_p: bool = True
    penalties: bool = True
    stop: bool = True
    seed: bool = True
    efforts: tuple[ReasoningEffort, ...] = ()
    reasons_unasked: bool = False
    thinking_off: Literal["disabled", "between_tools"] | None = None
    forced_calls: bool = True
    thinking: tuple[Literal["adaptive", "budget"], ...] = ()
    verbosity: bool = False
    structured_output: bool = True
    tools_with_effort: bool = True
    prefill: bool = False


def overridden(known: Capabilities, corrections: Mapping[str, Any]) -> Capabilities:
    """
    What is known of a model, corrected.

    Raises:
        Unsupported: Something in `corrections` is no field of `Capabilities`, or no value of it.
    """
    said = {name: corrections.get(name, getattr(known, name)) for name in _NAMES}
    try:
        return _adapter().validate_python({**said, **corrections})
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(map(str, first["loc"]))
        problem = f"{name}: {first['msg']}"
        raise Unsupported("capabilities", problem, f"there are {', '.join(_NAMES)}") from None


_NAMES = tuple(field.name for field in fields(Capabilities))


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Capabilities]:
    return TypeAdapter(Capabilities)
