"""The parts of an input item's content: which kinds each role may have, and what is in them."""

from typing import Any

from minference_core.simulator.openai.images import TOKENS_PER_IMAGE, check_image_url
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.tokens import count_tokens
from minference_core.simulator.wire import JsonObject

__all__ = ["check_parts", "listed", "parts_tokens", "words_of"]

_KINDS = {
    "user": ("input_text", "input_image"),
    "system": ("input_text",),
    "developer": ("input_text",),
    "assistant": ("output_text", "refusal"),
    "tool": ("input_text", "input_image"),  # no role: the output of a function call
}
_FIELD_OF = {"input_text": "text", "output_text": "text", "refusal": "refusal", "input_image": "image_url"}
_DETAILS = ("low", "high", "auto", "original")


def check_parts(where: str, content: str | list[JsonObject], role: str) -> None:
    """
    Raises:
        Refused: A part that this role may not have, or that is not what it says it is.
    """
    for at, part in enumerate(content if isinstance(content, list) else ()):
        _check_part(f"{where}[{at}]", part, _KINDS[role])


def words_of(content: Any) -> str:
    """The words of a content, whether it is a string or a list of parts."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") or part.get("refusal") for part in content or ())
    return "\n".join(text for text in texts if text)


def parts_tokens(content: Any) -> int:
    kinds = [part["type"] for part in content] if isinstance(content, list) else []
    return count_tokens(words_of(content)) + TOKENS_PER_IMAGE * kinds.count("input_image")


def listed(names: tuple[str, ...]) -> str:
    """`'a', 'b', and 'c'`"""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def _check_part(where: str, part: JsonObject, kinds: tuple[str, ...]) -> None:
    kind = part.get("type")
    if kind is None:
        raise missing(f"{where}.type")
    if kind not in kinds:
        text = f"Invalid value: '{kind}'. Supported values are: {listed(kinds)}."
        raise bad(text, where, "invalid_value")
    field = _FIELD_OF[kind]
    if part.get(field) is None:
        raise missing(f"{where}.{field}")
    if kind == "input_image":
        check_image_url(part["image_url"], f"{where}.image_url")
        if part.get("detail") not in (None, *_DETAILS):
            text = f"Invalid value: '{part['detail']}'. Supported values are: {listed(_DETAILS)}."
            raise bad(text, f"{where}.detail", "invalid_value")
