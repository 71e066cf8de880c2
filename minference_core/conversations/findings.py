"""What was wrong with answers once they were read: many of a run's, in little memory."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from uuid import UUID

from minference_core.errors import ErrorClass
from minference_core.requests import Step

__all__ = ["NotedFindings"]

_IN_MEMORY = 8_000_000  # bytes of words; what is more goes to a temporary file
_HALF = 16


class NotedFindings(Mapping[tuple[UUID, UUID], tuple[ErrorClass, str | None]]):
    """By (lineage, request key), the class and the words; complete replies are not in it."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (it lives as long as the run)

    def note(self, name: tuple[UUID, UUID], error: ErrorClass | None, message: str | None) -> None:
        """Note what there is to say of the reply to a request, if anything is."""
        if error is not None:
            self._places[_key(name)] = self._file.seek(0, 2)
            self._file.write(json.dumps((error, message)).encode() + b"\n")

    def note_step(self, step: Step) -> None:
        """The same, of a step of a conversation."""
        if step.reply_message is not None:
            self.note(step.request.name, step.error, step.message)

    def close(self) -> None:
        self._file.close()

    def __getitem__(self, name: tuple[UUID, UUID]) -> tuple[ErrorClass, str | None]:
        self._file.seek(self._places[_key(name)])
        error, message = json.loads(self._file.readline())
        return ErrorClass(error), message

    def __iter__(self) -> Iterator[tuple[UUID, UUID]]:
        for key in self._places:
            yield UUID(bytes=key[:_HALF]), UUID(bytes=key[_HALF:])

    def __len__(self) -> int:
        return len(self._places)


def _key(name: tuple[UUID, UUID]) -> bytes:
    """A fifth of the memory that the names themselves take."""
    lineage, request_key = name
    return lineage.bytes + request_key.bytes
