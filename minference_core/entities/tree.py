"""The versions of one lineage as a tree."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from minference_core.entities.diff import Dumps, compute_diff
from minference_core.entities.entity import Entity

__all__ = ["LineageTree", "Node", "build_tree", "sorted_tree"]


class Node(TypedDict):
    """
    One version in its place.

    Attributes:
        entity: The version itself, cold.
        children: The versions made from it, oldest first.
        depth: How many of the versions at hand lie before it; 0 for a root.
        parent_id: The version it came from, whether that is at hand or not.
        created_at: When it was made, UTC.
        data: Its dump. What versions have in common is one object in their dumps: read it only.
        diff_from_parent: What it changed, by field name; None if its parent is not at hand.
    """

    entity: Entity
    children: list[UUID]
    depth: int
    parent_id: UUID | None
    created_at: datetime
    data: dict[str, Any]
    diff_from_parent: dict[str, dict[str, Any]] | None


class LineageTree(TypedDict):
    """
    All versions of a lineage.

    Attributes:
        nodes: Each after the one it came from.
        edges: Parent and child, for every version whose parent is at hand, oldest child first.
        root: The oldest version whose parent is not at hand; None if there are no versions.
        sorted_ids: Oldest first.
        diffs: What each version that has an edge to it changed; empty for a forced fork.
    """

    nodes: dict[UUID, Node]
    edges: list[tuple[UUID, UUID]]
    root: UUID | None
    sorted_ids: list[UUID]
    diffs: dict[UUID, dict[str, dict[str, Any]]]


def build_tree(versions: Sequence[Entity]) -> dict[UUID, Node]:
    """A node for each version, each after the one it came from."""
    by_id = {version.id: version for version in sorted(versions, key=_age)}
    children: dict[UUID, list[UUID]] = {version_id: [] for version_id in by_id}
    roots: list[UUID] = []
    for version_id, version in by_id.items():
        children.get(version.parent_id, roots).append(version_id)  # type: ignore[arg-type]
    dumps = Dumps()
    nodes: dict[UUID, Node] = {}
    waiting = deque(roots)
    while waiting:
        version = by_id[waiting.popleft()]
        parent = nodes.get(version.parent_id) if version.parent_id is not None else None
        nodes[version.id] = _node(version, parent, children[version.id], dumps)
        waiting.extend(children[version.id])
    return nodes


def sorted_tree(versions: Sequence[Entity]) -> LineageTree:
    """The tree with its edges and its ids in order of time."""
    nodes = build_tree(versions)
    in_order = sorted(nodes.values(), key=lambda node: _age(node["entity"]))
    diffs = {n["entity"].id: n["diff_from_parent"] for n in in_order if n["diff_from_parent"] is not None}
    return {
        "nodes": nodes,
        "edges": [(n["parent_id"], n["entity"].id) for n in in_order if n["parent_id"] in nodes],
        "root": next((n["entity"].id for n in in_order if n["depth"] == 0), None),
        "sorted_ids": [n["entity"].id for n in in_order],
        "diffs": diffs,
    }


def _node(version: Entity, parent: Node | None, children: list[UUID], dumps: Dumps) -> Node:
    return {
        "entity": version,
        "children": children,
        "depth": 0 if parent is None else parent["depth"] + 1,
        "parent_id": version.parent_id,
        "created_at": version.created_at,
        "data": dumps.of(version),
        "diff_from_parent": (
            None if parent is None else compute_diff(version, parent["entity"], dumps).field_diffs
        ),
    }


def _age(version: Entity) -> tuple[datetime, int]:
    return version.created_at, version.version_no
