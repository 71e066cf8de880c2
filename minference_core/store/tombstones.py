"""
Redaction: what stands in the place of content that was taken out on purpose (table `redaction`).

A row keeps its ids, its lineage, its counts and times. What it said is left out whenever it is written: when
it is redacted, and when a segment or a rebuild brings it once more.
"""

from collections.abc import Iterable, Mapping

__all__ = ["REDACTABLE", "TOMBSTONE", "columns"]

TOMBSTONE = "[redacted]"

_TEXT = f"case when {{}} is not null then '{TOMBSTONE}' end"
_JSON_TEXT = f"case when {{}} is not null then '\"{TOMBSTONE}\"'::json end"
_OBJECT = "case when {} is not null then '{{}}'::json end"
_NOTHING = "null"
# What becomes of each column that can say something.
_MASKS: Mapping[str, Mapping[str, str]] = {
    "message_version": {"content": _TEXT, "reasoning": _TEXT, "tool_call": _OBJECT, "extra": _NOTHING},
    "system_prompt_version": {"content": _TEXT, "extra": _NOTHING},
    "thread_version": {
        "new_message": _TEXT,
        "extra": "case when {0} is not null then json_merge_patch({0}::json, '{{\"new_images\": null}}') end",
    },
    "other_version": {"record": _OBJECT, "beside": _NOTHING, "refs": _NOTHING},
    "exchange": {"response_body": _TEXT, "json_object": _NOTHING, "error_message": _TEXT},
    "tool_run": {"arguments": _OBJECT, "result": _JSON_TEXT, "error": _TEXT},
}  # fmt: skip

REDACTABLE = tuple(_MASKS)


def columns(table: str, values: Iterable[tuple[str, str]], *, masked: bool) -> str:
    """
    What to select to write rows of a table, as a list of SQL.

    Args:
        values: Each column with the SQL of its value; the row is called `given`.
        masked: Leave tombstones in rows that the table `redaction` names.
    """
    masks = _MASKS.get(table, {}) if masked else {}
    found = []
    for column, value in values:
        if column in masks:
            gone = f"given.id in (select id from redaction where in_table = '{table}')"  # noqa: S608 (ours)
            found.append(f"case when {gone} then {masks[column].format(value)} else {value} end as {column}")
        else:
            found.append(f"{value} as {column}")
    return ", ".join(found)
