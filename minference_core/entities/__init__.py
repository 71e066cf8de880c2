"""Entities: immutable versions of things, named by their content."""

from minference_core.entities.entity import Entity

__all__ = ["Entity"]
