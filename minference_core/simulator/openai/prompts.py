"""What `prompt` and `input` may be: a text, a list of texts, a list of tokens or a list of such lists."""

from typing import Any

from minference_core.simulator.openai.refusals import bad
from minference_core.simulator.tokens import count_tokens

__all__ = ["PROMPT", "Prompt", "read_prompts"]

_TOKENS = {"type": "array", "items": {"type": "integer"}}

# Their shape, as JSON schema.
PROMPT = {
    "type": ["string", "array"],
    "items": {"type": ["string", "integer", "array"], "items": _TOKENS["items"]},
}

Prompt = tuple[str, int]  # its words, as far as there are any, and its tokens


def read_prompts(told: str | list[Any], field: str) -> list[Prompt]:
    """
    One for each text or list of tokens.

    Raises:
        Refused: There is none, one is empty, or texts and tokens are mixed.
    """
    each: list[Any] = [told] if isinstance(told, str) or (told and isinstance(told[0], int)) else told
    kinds = {type(prompt) for prompt in each}
    nested = {type(part) for prompt in each if isinstance(prompt, list) for part in prompt}
    if not each or not all(each) or len(kinds) > 1 or nested - {int}:
        raise bad(f"'$.{field}' is invalid. Please check the API reference.", field)
    return [_prompt(prompt) for prompt in each]


def _prompt(prompt: str | list[int]) -> Prompt:
    if isinstance(prompt, str):
        return prompt, count_tokens(prompt)
    return " ".join(str(token) for token in prompt[:20]), len(prompt)
