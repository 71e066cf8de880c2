"""Lineage: which version came from which, and the questions to ask about it."""

from minference_core.lineage.install import definitions
from minference_core.lineage.versions import VersionReport, write_versions

__all__ = ["VersionReport", "definitions", "write_versions"]
