"""Exports: conversations in the forms that other tools read."""

from minference_core.export.transcripts import TRANSCRIPTS, TranscriptReport, write_transcripts

__all__ = ["TRANSCRIPTS", "TranscriptReport", "write_transcripts"]
