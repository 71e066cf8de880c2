"""Lineage: which version came from which, and the questions to ask about it."""

from minference_core.lineage.entity_store import EntityStore
from minference_core.lineage.install import definitions
from minference_core.lineage.questions import Questions
from minference_core.lineage.versions import VersionReport, write_versions

__all__ = ["EntityStore", "Questions", "VersionReport", "definitions", "write_versions"]
