"""A line of a file as a request that the engine can send."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from minference_core import ids
from minference_core.engine.records import shown
from minference_core.errors import ErrorClass
from minference_core.providers import WireRequest, endpoint
from minference_core.providers.base import JsonObject
from minference_core.providers.reading import count
from minference_core.request_files.endpoints import Address
from minference_core.request_files.lines import Line
from minference_core.request_files.tokens import weigh_line
from minference_core.requests import Attempt, Meaning, Weight, interpret
from minference_core.threads import Reply, TokenUsage

__all__ = ["FileRequest", "answer_in"]


@dataclass(frozen=True, slots=True)
class FileRequest:
    """
    One line's request.

    Attributes:
        key: Hash of what the line says, which of several equal lines it is, and whom it asks.
    """

    key: UUID
    line: Line
    address: Address
    wire: WireRequest
    file: str

    @classmethod
    def of(cls, line: Line, address: Address, file: str) -> "FileRequest":
        """
        Args:
            file: The input file's name, for the record.
        """
        wire = address.wire(line.endpoint, line.request)
        url = shown(endpoint(address.base_url, wire.path))
        key = ids.hash_uuid("request file", address.client, url, line.digest.hex(), line.copy)
        return cls(key, line, address, wire, file)

    @property
    def name(self) -> tuple[UUID, UUID]:
        """Its answer is filed under its key alone: the line is in it."""
        return self.key, self.key

    @property
    def body(self) -> bytes:
        return ids.json_text(self.wire.body).encode()

    @property
    def client(self) -> str:
        return self.address.client

    @property
    def model(self) -> str | None:
        model = self.wire.body.get("model")
        return model if isinstance(model, str) else None

    @property
    def weight(self) -> Weight:
        """What it takes of limits and budgets."""
        return weigh_line(self.line.endpoint, self.wire.body)

    @property
    def journal_fields(self) -> Mapping[str, Any]:
        """Which line it is."""
        return {"file": self.file, "line": self.line.number, "custom_id": self.line.custom_id}

    def authorization(self, key: str) -> Mapping[str, str]:
        """The headers that carry the account's key."""
        return self.address.authorization(key, self.line.endpoint, self.wire)

    def interpret(self, attempt: Attempt) -> Meaning:
        """
        Read an attempt's raw answer; nothing it may hold raises.

        Whoever wrote the request reads the answer: any object without an error is one.
        """
        meaning = interpret(self.address.reader(self.line.endpoint), attempt)
        if meaning.error is not ErrorClass.UNDECODABLE or attempt.body is None:
            return meaning
        answer = answer_in(attempt.body)
        if not isinstance(answer, dict) or answer.get("error") or answer.get("type") == "error":
            return meaning
        return Meaning(Reply(text="", finish="other", usage=_usage(answer)))


def answer_in(body: str) -> Any:
    """An answer's JSON; the text itself where it is none that could be written on a line."""
    try:
        value = json.loads(body.lstrip("\ufeff"))
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return body
    return value


def _usage(answer: JsonObject) -> TokenUsage:
    """Of an embedding or a completion, which no adapter of ours reads."""
    usage = answer.get("usage")
    return TokenUsage(
        prompt_tokens=count(usage, "prompt_tokens"), completion_tokens=count(usage, "completion_tokens")
    )
