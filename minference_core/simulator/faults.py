"""
Which request goes wrong, and how: decided by a hash, so that a run can be repeated.

What a fault looks like on the wire is the provider's business (`openai_wire`, `anthropic_wire`); what it does
to the connection is the server's.
"""

from collections.abc import Mapping
from hashlib import blake2b

__all__ = ["FAULT_NAMES", "FaultPlan", "check_faults", "parse_fault"]

FAULT_NAMES = {
    "drop": "the connection is aborted before any byte of the answer",
    "truncate": "headers announce the whole body, half of it comes, then the connection is aborted",
    "garbage": "200 with a body that is not JSON",
    "refusal": "the model refuses, in the provider's own form",
    "invalid_output": "200, but JSON that was asked for is none, or does not fit its schema or its tool",
    "hang": "no answer, until the client leaves",
    "slow_body": "the answer dribbles in over two seconds",
    "no_retry_after": "429 that does not say when to come back",
    "not_http": "the answer is not HTTP at all",
    "nothing": "200 with an empty body",
    "stall": "headers announce the whole body, half of it comes, then nothing, until the client leaves",
    "wrong_length": "headers announce half of the body, and all of it comes",
    "quota": "429 that no waiting cures: the account has no money left",
}


def parse_fault(text: str) -> tuple[str, float]:
    """
    Read one `NAME=PROBABILITY`, as the command line gives it.

    Raises:
        ValueError: Not of that form, an unknown name, or not a probability.
    """
    name, equals, number = text.partition("=")
    name = name.strip()
    if not equals:
        raise ValueError(f"fault {text!r} is not NAME=PROBABILITY, for example 500=0.01")
    try:
        probability = float(number)
    except ValueError:
        raise ValueError(f"fault {text!r}: {number.strip()!r} is not a number from 0 to 1") from None
    check_faults({name: probability})
    return name, probability


def check_faults(faults: Mapping[str, float]) -> None:
    """
    Refuse what cannot be injected.

    Raises:
        ValueError: An unknown name, a number that is no probability, or a sum above 1.
    """
    for name, probability in faults.items():
        if name not in FAULT_NAMES and not _is_error_status(name):
            known = ", ".join(sorted(FAULT_NAMES))
            raise ValueError(f"unknown fault {name!r}: use an HTTP status from 400 to 599, or one of {known}")
        if not 0 <= probability <= 1:
            raise ValueError(f"fault {name!r} has probability {probability}: use a number from 0 to 1")
    if (total := sum(faults.values())) > 1 + 1e-9:
        raise ValueError(
            f"the faults' probabilities add up to {total:g}: at most 1, since each request has one fate"
        )


class FaultPlan:
    """
    The fate of the nth sending of a request.

    Only sendings that got past the rate limit are counted: how many did not depends on the clock, and the
    faults of a run must not.
    """

    def __init__(self, faults: Mapping[str, float], seed: int) -> None:
        self._faults = sorted((name, probability) for name, probability in faults.items() if probability > 0)
        self._seed = seed.to_bytes(16, "little", signed=True)
        self._seen: dict[bytes, int] = {}

    def sending(self, request: bytes) -> int:
        """How many times `request` (its hash) has been seen, this time included."""
        count = self._seen.get(request, 0) + 1
        self._seen[request] = count
        return count

    def fate(self, request: bytes, sending: int) -> str | None:
        """The fault of that sending, or None if it is answered as it should be."""
        if not self._faults:
            return None
        digest = blake2b(request + sending.to_bytes(8, "little"), digest_size=8, key=self._seed).digest()
        draw = int.from_bytes(digest, "little") / 2**64
        for name, probability in self._faults:
            if draw < probability:
                return name
            draw -= probability
        return None


def _is_error_status(name: str) -> bool:
    return name.isascii() and name.isdigit() and 400 <= int(name) <= 599
