"""Lineage: which version came from which, and the questions to ask about it."""

from minference_core.lineage.entity_store import EntityStore
from minference_core.lineage.fork import ForkReport, fork_specs
from minference_core.lineage.install import definitions
from minference_core.lineage.versions import VersionReport, write_versions

__all__ = ["EntityStore", "ForkReport", "VersionReport", "definitions", "fork_specs", "write_versions"]
