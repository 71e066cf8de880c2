"""A lane: one provider account, where it is, and what it allows."""

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from minference_core.errors import MissingKey

__all__ = ["Lane", "LaneLimits"]

_PRINTABLE = re.compile(r"[!-~]+")

Positive = Annotated[int, Field(ge=1)]


class LaneLimits(BaseModel):
    """
    What an account allows; None is no limit.

    Attributes:
        tokens_per_minute: Read and written together, as OpenAI counts.
        input_tokens_per_minute: Read, as Anthropic counts: what comes from its cache is not among them.
        output_tokens_per_minute: Written.
        max_in_flight: Requests at once, of all processes that share the ledger.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    input_tokens_per_minute: Positive | None = None
    output_tokens_per_minute: Positive | None = None
    max_in_flight: Positive | None = None

    @property
    def per_minute(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Requests, tokens, input tokens and output tokens."""
        return (
            self.requests_per_minute,
            self.tokens_per_minute,
            self.input_tokens_per_minute,
            self.output_tokens_per_minute,
        )

    def or_else(self, others: "LaneLimits") -> "LaneLimits":
        """These, and others' where these say nothing."""
        return LaneLimits(**{**others.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)})

    def lowered_to(self, others: "LaneLimits") -> "LaneLimits":
        """The lower of both, where either says something."""
        said = self.model_dump()
        for name, other in others.model_dump(exclude_none=True).items():
            said[name] = other if said[name] is None else min(said[name], other)
        return LaneLimits(**said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """
    One provider account.

    Attributes:
        api_key: None when there is none; `key_name` says which variable would hold it.
        key_required: Whether requests without a key are pointless; they are then not sent.
        simulated: Whether nobody real answers there; recorded with every attempt, so that what it "cost"
            is never added to what was paid.
        timeout_s: Seconds a request may take in all; 600 is the providers' own SDKs' default.
    """

    client: str
    base_url: str
    api_key: SecretStr | None = None
    key_name: str = ""
    key_required: bool = True
    limits: LaneLimits = field(default_factory=LaneLimits)
    simulated: bool = False
    timeout_s: float = 600.0

    @property
    def account(self) -> str:
        """What tells it from every other lane in the ledger; no part of a key is in it."""
        parts = urlsplit(self.base_url)
        path = parts.path.rstrip("/").removesuffix("/v1")  # which is the same server, written out or not
        where = f"{parts.netloc.rpartition('@')[2].lower()}{path}"
        return f"{self.client} {where} {self.key_name}"

    def problem(self) -> str | None:
        """Why nothing can be sent on this lane at all; None if it can. No part of a key is in it."""
        if self.api_key is None and self.key_required:
            return str(MissingKey(self.client, self.key_name))
        if self.api_key is not None and not _PRINTABLE.fullmatch(self.api_key.get_secret_value()):
            return f"{self.key_name} holds characters that are in no key: set it again"
        if not _is_address(self.base_url):
            return f"the base URL of {self.client} is not an http(s) address: correct it"
        return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False
