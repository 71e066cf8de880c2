"""Where the versions of a lineage stand in its drawing. No text and no SQL is here."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

__all__ = ["Node", "Place", "places"]


@dataclass(frozen=True, slots=True)
class Node:
    """A version and the one it came from, if that is of the same lineage."""

    id: UUID
    parent: UUID | None


@dataclass(frozen=True, slots=True)
class Place:
    """A row of its own, and a lane that its branch shares; a fork of the way moves one lane to the right."""

    id: UUID
    row: int
    lane: int


def places(nodes: Sequence[Node], current: UUID | None) -> list[Place]:
    """
    Every version in its place, from the top down.

    A branch keeps its lane however long it is. Of several that go on from one version, the one to `current`
    stays in the lane and comes last, else the longest: so no line crosses another.

    Args:
        nodes: Parents before their children.
    """
    children: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
    known = {node.id for node in nodes}
    for node in nodes:
        children[node.parent if node.parent in known else None].append(node.id)
    weight = _weights(nodes, current)
    found: list[Place] = []
    waiting = [(root, 0) for root in reversed(children[None])]
    while waiting:
        version, lane = waiting.pop()
        found.append(Place(version, len(found), lane))
        branches = children[version]
        if not branches:
            continue
        main = max(branches, key=lambda one: weight[one])
        waiting.append((main, lane))
        waiting += [(branch, lane + 1) for branch in reversed(branches) if branch != main]
    return found


def _weights(nodes: Sequence[Node], current: UUID | None) -> dict[UUID, tuple[bool, int]]:
    """Whether the current version is among what came from each, and how far that goes."""
    weight = {node.id: (node.id == current, 0) for node in nodes}
    for node in reversed(nodes):
        if node.parent in weight:
            (holds, depth), (child_holds, child_depth) = weight[node.parent], weight[node.id]
            weight[node.parent] = holds or child_holds, max(depth, child_depth + 1)
    return weight
