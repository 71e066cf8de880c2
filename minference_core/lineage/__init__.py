"""Lineage: which version came from which, and the questions to ask about it."""

from minference_core.lineage.deep_check import check_versions
from minference_core.lineage.entity_store import EntityStore
from minference_core.lineage.fork import ForkReport, fork_specs
from minference_core.lineage.install import definitions
from minference_core.lineage.questions import Questions
from minference_core.lineage.rebuild import Made, RebuildReport, rebuild
from minference_core.lineage.redaction import Redaction, redact
from minference_core.lineage.versions import VersionReport, write_versions

__all__ = [
    "EntityStore",
    "ForkReport",
    "Made",
    "Questions",
    "RebuildReport",
    "Redaction",
    "VersionReport",
    "check_versions",
    "definitions",
    "fork_specs",
    "rebuild",
    "redact",
    "write_versions",
]
