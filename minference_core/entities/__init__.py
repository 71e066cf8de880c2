"""Entities: immutable versions of things, named by their content."""

from minference_core.entities.diff import EntityDiff
from minference_core.entities.entity import Entity, kind_named, under_id
from minference_core.entities.memory import VersionStore
from minference_core.entities.registry import EntityRegistry
from minference_core.entities.tracer import entity_tracer

__all__ = [
    "Entity",
    "EntityDiff",
    "EntityRegistry",
    "VersionStore",
    "entity_tracer",
    "kind_named",
    "under_id",
]
