"""
Which failures are sent again, how often, and when: the whole policy, with no I/O in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from minference_core.errors import ErrorClass

__all__ = ["DEADLINE_S", "LANE_STOPPERS", "POLICY", "SETTLED", "Policy", "backoff_s"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Attempts in all, and the first and longest wait between them in seconds."""

    attempts: int
    first_wait_s: float
    longest_wait_s: float


# Being told to slow down costs nothing, so patience there is long; a timeout may have been paid for.
POLICY: Mapping[ErrorClass, Policy] = {
    ErrorClass.RATE_LIMIT: Policy(30, 1.0, 60.0),
    ErrorClass.OVERLOADED: Policy(12, 1.0, 60.0),
    ErrorClass.SERVER: Policy(6, 0.5, 30.0),
    ErrorClass.CONNECTION: Policy(6, 0.5, 30.0),
    ErrorClass.TIMEOUT: Policy(3, 1.0, 30.0),
}

# No attempt starts later than this after the first one of the same run.
DEADLINE_S = 1_800.0

# The account itself is refused: every further request of the lane would be, too.
LANE_STOPPERS = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA})

# Failures that the same request would meet again: a rerun does not send it. A missing model or
# endpoint is not among them, since a wrong base URL looks the same and is mended outside.
SETTLED = frozenset({ErrorClass.BAD_REQUEST, ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER})


def backoff_s(
    error: ErrorClass, *, attempt: int, advised_s: float | None, elapsed_s: float, jitter: float
) -> float | None:
    """
    Seconds to wait before the next attempt, or None to give up.

    The provider's own advice wins over ours, uncapped but for the deadline: asking sooner than it
    said only earns another refusal.

    Args:
        error: Why the attempt failed.
        attempt: How many this run has made, 1 after the first.
        advised_s: What Retry-After said.
        elapsed_s: Since this run's first attempt.
        jitter: 0 to 1; spreads requests that failed together.
    """
    policy = POLICY.get(error)
    if policy is None or attempt >= policy.attempts:
        return None
    ceiling = min(policy.longest_wait_s, policy.first_wait_s * 2.0 ** (attempt - 1))
    wait_s = ceiling * (0.5 + jitter / 2)
    if advised_s is not None:
        wait_s = advised_s * (1 + jitter / 10) if advised_s > 0 else wait_s
    return wait_s if elapsed_s + wait_s <= DEADLINE_S else None
