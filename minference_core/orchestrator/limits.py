"""What an account allows, as the library's users say it."""

from typing import Annotated, ClassVar

from pydantic import Field

from minference_core.engine import LaneLimits
from minference_core.entities import Entity
from minference_core.threads import Client

__all__ = ["DEFAULT_LIMITS", "RequestLimits", "lane_limits"]


class RequestLimits(Entity):
    """
    How fast one provider may be asked.

    Attributes:
        max_requests_per_minute: Requests in any minute, retries among them; None for no limit.
        max_tokens_per_minute: Tokens read and written in any minute, `max_tokens` counted in full.
        max_input_tokens_per_minute: Tokens read, as Anthropic counts: without what its cache holds.
        max_output_tokens_per_minute: Tokens written.
        max_in_flight: Requests at once; None for the orchestrator's.
    """

    entity_kind: ClassVar[str] = "RequestLimits"

    max_requests_per_minute: Annotated[int, Field(ge=1)] | None = 50
    max_tokens_per_minute: Annotated[int, Field(ge=1)] | None = 100_000
    max_input_tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_output_tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    provider: Client = "openai"


def lane_limits(limits: RequestLimits) -> LaneLimits:
    return LaneLimits(
        requests_per_minute=limits.max_requests_per_minute,
        tokens_per_minute=limits.max_tokens_per_minute,
        input_tokens_per_minute=limits.max_input_tokens_per_minute,
        output_tokens_per_minute=limits.max_output_tokens_per_minute,
        max_in_flight=limits.max_in_flight,
    )


# The original library's, by client: requests and tokens per minute.
DEFAULT_LIMITS: dict[Client, tuple[int, int]] = {
    "openai": (500, 200_000),
    "anthropic": (50, 40_000),
    "vllm": (500, 200_000),
    "litellm": (500, 200_000),
    "openrouter": (50, 40_000),
}
