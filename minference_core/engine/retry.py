"""
Which failures are sent again, how often, when, and until when: the whole policy, with no I/O in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from minference_core.errors import ErrorClass

__all__ = ["LANE_STOPPERS", "LONGEST_HOLD_S", "POLICY", "SETTLED", "Policy", "Streak", "backoff_s"]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What a run does about a class of failures.

    Attributes:
        attempts: That fail so: patience with one class leaves the tries of another.
        first_wait_s: Before the second; it doubles from there.
        longest_wait_s: At most.
        deadline_s: No attempt starts later than this after the first one of the same run.
    """

    attempts: int
    first_wait_s: float
    longest_wait_s: float
    deadline_s: float = 1_800.0


# Being told to slow down costs nothing, so patience there is long; a timeout may have been paid for.
POLICY: Mapping[ErrorClass, Policy] = {
    ErrorClass.RATE_LIMIT: Policy(30, 1.0, 60.0),
    ErrorClass.OVERLOADED: Policy(12, 1.0, 60.0),
    ErrorClass.SERVER: Policy(6, 0.5, 30.0),
    ErrorClass.CONNECTION: Policy(6, 0.5, 30.0),
    ErrorClass.TIMEOUT: Policy(3, 1.0, 30.0),
}

# An account that wants nothing for longer than this is left alone for the rest of the run.
LONGEST_HOLD_S = 1_800.0

# The account itself is refused: every further request of the lane would be, too.
LANE_STOPPERS = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA})

# Failures that the same request would meet again: a rerun does not send it. A missing model or
# endpoint is not among them, since a wrong base URL looks the same and is mended outside.
SETTLED = frozenset({ErrorClass.BAD_REQUEST, ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER})

# Failures that are often of all requests alike: a model that does not exist, a parameter nobody may set.
_OFTEN_OF_ALL = frozenset({ErrorClass.BAD_REQUEST, ErrorClass.NOT_FOUND, ErrorClass.UNDECODABLE})
# So many in a row in the same words, and not one answer between them, are no accident of single rows.
_NO_ACCIDENT = 20
_WORDS = 160  # characters that are compared


class Streak:
    """The breaker of one model on a lane: how often the same deterministic failure came in a row."""

    __slots__ = ("_count", "_error", "_words")

    def __init__(self) -> None:
        self._error: ErrorClass | None = None
        self._words = ""
        self._count = 0

    def note(self, error: ErrorClass | None, message: str | None) -> None:
        """How one request ended; None for an answer."""
        words = (message or "")[:_WORDS]
        if error not in _OFTEN_OF_ALL:
            if error is None:
                self._error, self._count = None, 0
            return
        self._count = self._count + 1 if (error, words) == (self._error, self._words) else 1
        self._error, self._words = error, words

    def broken(self) -> tuple[ErrorClass, str] | None:
        """The failure that every further request would meet; None if there is none."""
        if self._error is None or self._count < _NO_ACCIDENT:
            return None
        return self._error, (
            f"not sent, as {self._count} requests in a row failed alike: {self._words}. Mend it and run again"
        )


def backoff_s(
    error: ErrorClass, *, attempt: int, advised_s: float | None, elapsed_s: float, jitter: float
) -> float | None:
    """
    Seconds to wait before the next attempt, or None to give up.

    The provider's own advice wins over ours, uncapped but for the deadline: asking sooner than it
    said only earns another refusal.

    Args:
        error: Why the attempt failed.
        attempt: How many of this run have failed so, 1 after the first.
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
    return wait_s if elapsed_s + wait_s <= policy.deadline_s else None
