"""Thinking that a server left in the reply's words, in tags, because it was not told to take it out."""

__all__ = ["split_thinking"]

_OPENING, _CLOSING = "<think>", "</think>"


def split_thinking(text: str, *, cut_off: bool) -> tuple[str | None, str]:
    """
    The thinking that a text begins with, if it does, and what was said; that is verbatim.

    The opening tag may be in the prompt, where a model's template puts it; the closing one is missing
    where the reply was cut off while the model was still thinking.

    Args:
        cut_off: Whether the reply was.
    """
    begins = text.lstrip()
    opened = begins.startswith(_OPENING)
    thought, closing, said = begins.removeprefix(_OPENING).partition(_CLOSING)
    if not closing:
        return (thought.strip() or None, "") if opened and cut_off else (None, text)
    if not opened and _OPENING in thought:
        return None, text
    return thought.strip() or None, said.lstrip("\r\n")
