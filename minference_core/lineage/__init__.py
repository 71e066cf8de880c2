"""Lineage: which version came from which, and the questions to ask about it."""

from minference_core.lineage.deep_check import check_versions
from minference_core.lineage.entity_store import EntityStore
from minference_core.lineage.install import definitions
from minference_core.lineage.rebuild import Made, RebuildReport, rebuild
from minference_core.lineage.redaction import Redaction, redact
from minference_core.lineage.versions import VersionReport, write_versions

__all__ = [
    "EntityStore",
    "Made",
    "RebuildReport",
    "Redaction",
    "VersionReport",
    "check_versions",
    "definitions",
    "rebuild",
    "redact",
    "write_versions",
]
