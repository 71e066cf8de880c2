"""What a simulator is told before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minference_core.simulator.faults import check_faults
from minference_core.simulator.storms import Storm

__all__ = ["SimulatorSettings"]

_AT_LEAST_ONE = (
    "requests_per_minute",
    "tokens_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
    "slots",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """
    How the simulator behaves; the defaults are a fast provider with no limits that never fails.

    Args:
        host: Address to listen on.
        port: 0 takes any free port; `Simulator.url` says which.
        seed: Another seed gives other answers and other faults.
        latency_ms: How long an answer takes. Refusals (400, 401, 429) are immediate, as they are in life.
        latency_jitter: Fraction of the latency by which it varies: 0.2 is ±20 %.
        requests_per_minute: Enforced for each (API key, provider); None enforces and declares nothing.
        tokens_per_minute:
            Likewise. A request counts with its prompt and its whole output limit, before it runs.
        input_tokens_per_minute: As Anthropic counts, and at Anthropic only: input that no cache holds.
        output_tokens_per_minute:
            Likewise. A request counts with its whole output limit, and once it is answered with what it made.
        settle: `tokens_per_minute` is set off against the true usage as well, once a request is answered.
        slots: Requests that are worked on at once; the others wait in line and just take longer.
        overload_after: How many may wait in line; who comes then is told so, by 503 or 529.
        faults: Probability of each fault by name; see `parse_fault` for the names.
        storms: Stretches of time in which every request has one fault.
        log: File that gets one JSON line for each request, before its answer is sent.
        delivered: File that gets one JSON line for each 200, after its last byte was sent.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    latency_ms: float = 0.0
    latency_jitter: float = 0.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    settle: bool = False
    slots: int | None = None
    overload_after: int | None = None
    faults: Mapping[str, float] = field(default_factory=dict)
    storms: Sequence[Storm] = ()
    log: Path | None = None
    delivered: Path | None = None

    def __post_init__(self) -> None:
        check_faults(self.faults)
        if self.latency_ms < 0:
            raise ValueError(f"latency_ms is {self.latency_ms}, but an answer cannot come before its request")
        if not 0 <= self.latency_jitter <= 1:
            raise ValueError(f"latency_jitter is {self.latency_jitter}, but it is a fraction from 0 to 1")
        if self.overload_after is not None and (self.overload_after < 0 or self.slots is None):
            raise ValueError(
                f"overload_after is {self.overload_after}: use at least 0, and say how many slots there are"
            )
        for name in _AT_LEAST_ONE:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: use at least 1, or None for no limit")
