"""
Whose word counts where a row is made again that an earlier file has.

What the row says follows from its id, or from what was recorded; by what and beside which specs it was first
recorded, only the earlier file knows.
"""

from collections.abc import Mapping

__all__ = ["preferred"]

_FIRST_RECORDED: Mapping[str, frozenset[str]] = {
    "thread_version": frozenset({"mat_id", "request_key", "generation", "meta"}),
    "message_version": frozenset({"mat_id", "beside", "refs"}),
}
_ALWAYS = frozenset({"mat_id"})
_WHOLLY = frozenset({"materialization"})


def preferred(table: str, column: str) -> str:
    """SQL for the value, of the row `given` that was made again and the row `kept`, which may be missing."""
    if table in _WHOLLY or column in _FIRST_RECORDED.get(table, _ALWAYS):
        return f"coalesce(kept.{column}, given.{column})"
    # What is missing in it was made of specs that there are no longer.
    return f"coalesce(given.{column}, kept.{column})"
