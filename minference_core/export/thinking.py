"""Reasoning in the words of a reply, for formats that have no other place for it."""

from minference_core.export.conversation import Said

__all__ = ["thought"]


def thought(said: Said) -> str:
    """What stands before a reply's words; nothing if it has no reasoning."""
    return f"<think>\n{said.reasoning}\n</think>\n\n" if said.reasoning else ""
