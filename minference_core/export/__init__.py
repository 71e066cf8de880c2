"""Exports: conversations in the forms that other tools read."""

from minference_core.export.conversation import Call, Conversation, Picture, Said, Unfit
from minference_core.export.files import Places
from minference_core.export.formats import FORMATS, Format, format_named
from minference_core.export.make import ExportOrder, ExportReport, export, export_again
from minference_core.export.manifest import Manifest, read_manifest
from minference_core.export.selection import Selection
from minference_core.export.splits import NO_SPLITS, Splits
from minference_core.export.transcripts import TRANSCRIPTS, TranscriptReport, write_transcripts

__all__ = [
    "FORMATS",
    "NO_SPLITS",
    "TRANSCRIPTS",
    "Call",
    "Conversation",
    "ExportOrder",
    "ExportReport",
    "Format",
    "Manifest",
    "Picture",
    "Places",
    "Said",
    "Selection",
    "Splits",
    "TranscriptReport",
    "Unfit",
    "export",
    "export_again",
    "format_named",
    "read_manifest",
    "write_transcripts",
]
