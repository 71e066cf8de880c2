"""A lane: one provider account, where it is, and what it allows."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = ["Lane", "LaneLimits"]

Positive = Annotated[int, Field(ge=1)]


class LaneLimits(BaseModel):
    """What an account allows; None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    max_in_flight: Positive | None = None


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
