"""The page: what the store says and where it stands, put into the template."""

import base64
import hashlib
from collections import defaultdict
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

import duckdb
from jinja2 import Environment, StrictUndefined

from minference_core.errors import StoreError
from minference_core.lineage.page import content
from minference_core.lineage.page.content import Rows
from minference_core.lineage.page.layout import Node, Place, places

__all__ = ["lineage_page"]

_ROW, _LANE = 34, 14  # pixels: the height of a version, the width of a lane
_MOST_LANES = 12  # drawn apart; what is further right shares the last


def lineage_page(connection: duckdb.DuckDBPyConnection, lineage: UUID) -> str:
    """
    All of a lineage as one HTML file: tree, transcripts, differences, costs, where each version came from.

    Nothing in it is fetched from anywhere, and no text of the store becomes markup or a script: the page's
    policy lets only its own script run.

    Args:
        connection: To a published store.

    Raises:
        StoreError: There is no such lineage.
    """
    rows = content.versions(connection, lineage)
    if not rows:
        raise StoreError(f"there is no lineage {lineage} in the store")
    current = content.current(connection, lineage)
    drawn = places([Node(row["id"], row["parent_id"]) for row in rows], current)
    data = _data(connection, lineage, rows, drawn, current)
    script = _file("page.js")
    template = _environment().from_string(_file("page.html"))
    return template.render(
        **data,
        title=_title(rows[0]),
        lineage=str(lineage),
        style=_file("page.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        row=_ROW,
        gutter=_LANE * (1 + min(_MOST_LANES, 1 + max(place.lane for place in drawn))),
    )


@cache
def _environment() -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.policies["json.dumps_kwargs"] = {"default": str}  # `tojson` writes <, > and & as codes
    return made


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _data(
    connection: duckdb.DuckDBPyConnection,
    lineage: UUID,
    rows: Rows,
    drawn: list[Place],
    current: UUID | None,
) -> dict[str, Any]:
    by_id = {row["id"]: row for row in rows}
    at = {place.id: place for place in drawn}
    said = content.messages(
        connection, sorted({one for row in rows for one in row.get("new_message_ids", ())})
    )
    tried = content.attempts(connection, lineage)
    forks, origins = content.forks(connection, lineage), content.origins(connection, rows)
    versions = _versions([by_id[place.id] for place in drawn], at, said, tried, forks, current)
    return {
        "versions": versions,
        "edges": _edges(rows, at),
        "forks": forks,
        "origins": [
            {**origins[row["parent_id"]], "root": at[row["id"]].row}
            for row in rows
            if row["parent_id"] in origins
        ],
        "total": _total(tried),
        "data": {"versions": versions, "messages": said, **_interned(versions)},
    }


def _versions(
    rows: Rows, at: dict[UUID, Place], said: Rows, tried: Rows, forks: Rows, current: UUID | None
) -> Rows:
    """One for each row of the drawing; messages and parents are named by their number."""
    number = {message["id"]: place for place, message in enumerate(said)}
    attempts: defaultdict[UUID, Rows] = defaultdict(list)
    for attempt in tried:
        attempts[attempt["out_thread_id"] or attempt["in_thread_id"]].append(attempt)
    so_far: dict[UUID, float] = {}
    found = []
    for row in rows:
        own = attempts[row["id"]]
        spent = sum(one["cost_usd"] or 0.0 for one in own if not one["reused_from"])
        so_far[row["id"]] = so_far.get(row["parent_id"], 0.0) + spent
        added = [number[one] for one in row.get("new_message_ids", ()) if one in number]
        found.append(
            {
                **{name: row.get(name) for name in _SHOWN},
                "id": str(row["id"]),
                "short": str(row["id"])[-8:],
                "row": at[row["id"]].row,
                "parent": at[row["parent_id"]].row if row["parent_id"] in at else None,
                "parent_id": str(row["parent_id"] or ""),
                "x": _x(at[row["id"]]),
                "y": _y(at[row["id"]]),
                "keep": row.get("keep_n", 0),
                "added": added,
                "fields": row["fields"],
                "current": row["id"] == current,
                "forks": sum(fork["forked_from"] == row["id"] for fork in forks),
                "attempts": own,
                "tokens": sum(one["total_tokens"] or 0 for one in own if not one["reused_from"]),
                "cost": spent,
                "unknown": any(one["total_tokens"] and one["cost_usd"] is None for one in own),
                "failed": sum(one["error_class"] is not None for one in own),
                "so_far": so_far[row["id"]],
                "said": _said(row, [said[one] for one in added]),
            }
        )
    return found


_SHOWN = (
    "kind", "version_no", "created_at", "generation", "n_messages", "new_message", "dataset", "partition_key",
    "thread_key", "sample", "run_id", "code_version", "asset_key", "made_in", "committed_at", "request_key",
)  # fmt: skip


def _said(row: dict[str, Any], added: Rows) -> str:
    """What is new in a version, in a few words."""
    if added:
        last = added[-1]
        call = f"calls {last['tool_name']}" if last["role"] == "assistant" and last["tool_name"] else ""
        words = f"{last['role']}: {last['content'] or call}"
    elif row.get("new_message"):
        words = f"to ask: {row['new_message']}"
    else:
        words = row["fields"].get("content") or row["fields"].get("model") or row["fields"].get("name") or ""
    return " ".join(words[:200].split())


def _interned(versions: Rows) -> dict[str, list[str]]:
    """The fields of versions mostly say the same: each text once, and its number in the versions."""
    numbers: dict[str, int] = {}
    for version in versions:
        version["fields"] = {
            name: numbers.setdefault(text, len(numbers)) for name, text in version["fields"].items()
        }
    return {"texts": list(numbers)}


def _edges(rows: Rows, at: dict[UUID, Place]) -> list[str]:
    """The lines of the drawing, as SVG paths: down the parent's lane, and across in the child's row."""
    paths = []
    for row in rows:
        if row["parent_id"] not in at:
            continue
        parent, child = at[row["parent_id"]], at[row["id"]]
        x, y, to_x, to_y = _x(parent), _y(parent), _x(child), _y(child)
        if x == to_x:
            paths.append(f"M{x} {y}V{to_y}")
        else:
            paths.append(f"M{x} {y}V{to_y - 12}Q{x} {to_y} {x + 12} {to_y}H{to_x}")
    return paths


def _x(place: Place) -> int:
    return _LANE * (1 + min(place.lane, _MOST_LANES))


def _y(place: Place) -> int:
    return place.row * _ROW + _ROW // 2


def _total(tried: Rows) -> dict[str, Any]:
    """What all attempts together used and cost; what was taken over was paid for elsewhere."""
    sent = [one for one in tried if not one["reused_from"]]
    return {
        "attempts": len(sent),
        "failed": sum(one["error_class"] is not None for one in sent),
        "prompt": sum(one["prompt_tokens"] or 0 for one in sent),
        "completion": sum(one["completion_tokens"] or 0 for one in sent),
        "paid": sum(one["cost_usd"] or 0.0 for one in sent if not one["simulated"]),
        "simulated": sum(one["cost_usd"] or 0.0 for one in sent if one["simulated"]),
        "unknown": sum(bool(one["total_tokens"]) and one["cost_usd"] is None for one in sent),
    }


def _title(row: dict[str, Any]) -> str:
    if row.get("thread_key"):
        sample = f", sample {row['sample']}" if row["sample"] else ""
        return f"{row['dataset']} / {row['partition_key']} / {row['thread_key']}{sample}"
    return f"{row['kind']} {row['fields'].get('name', '')}".strip()
