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
    if not opened and (_OPENING in thought or not _ends_a_line(said)):
        return None, text
    return thought.strip() or None, said.lstrip("\r\n")


def _ends_a_line(rest: str) -> bool:
    """Templates put a line's end after the tag; a reply that speaks of the tag goes on."""
    return not rest.strip() or rest.lstrip(" \t")[:1] in ("\r", "\n")
