"""
What each account did, by the server's own count: whatever a client says of itself is held against this.

An account is an API key at a provider. Its key is shown to nobody.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from minference_core.simulator.limits import Allowance, Verdict, Weight
from minference_core.simulator.windows import Meter

__all__ = ["Account", "account_name"]

_COUNTED = ("requests", "tokens")


def account_name(provider: str, key: str) -> str:
    """How an account is called where its key must not be read: `openai/1f0c3a9d`."""
    return f"{provider}/{blake2b(key.encode('utf-8', 'surrogateescape'), digest_size=4).hexdigest()}"


class Account:
    """
    One account's limits, and what became of them.

    Args:
        settles:
            Limits on tokens and on which of them an answer's true usage is set off. Those on input and on
            output apart always are; of the others only the longest possible answer counts, unless this says
            so.
    """

    def __init__(self, allowance: Allowance, *, settles: bool) -> None:
        self.allowance = allowance
        self.received = self._meters()
        self.admitted = self._meters()
        self.answered = 0
        self.unpriced = 0  # answers that have no list price
        self.cost_usd = Decimal(0)
        apart = {"input_tokens", "output_tokens"}
        self._settled = [kind for kind in self.admitted if kind in apart or (settles and kind == "tokens")]

    def admit(self, weight: Weight, now: float) -> Verdict | None:
        """Count a request that has come, and let it through or say why not."""
        _add(self.received, weight, now)
        verdict = self.allowance.admit(weight, now)
        if verdict is None:
            _add(self.admitted, weight, now)
        return verdict

    def settle(self, counted: Weight, true: Weight, now: float) -> None:
        """Put what an admitted request did use in the place of what it was thought to."""
        for kind in self._settled:
            more = true.against(kind) - counted.against(kind)
            if more:
                self.admitted[kind].add(more, now)
                if (bucket := self.allowance.buckets.get(kind)) is not None:
                    bucket.correct(more, now)

    def bill(self, usd: Decimal | None) -> None:
        """Count an answer that was made."""
        self.answered += 1
        if usd is None:
            self.unpriced += 1
        else:
            self.cost_usd += usd

    def as_json(self) -> dict[str, Any]:
        return {
            "limits": {
                kind: {"per_minute": bucket.limit, "burst": bucket.capacity}
                for kind, bucket in self.allowance.buckets.items()
            },
            "received": {kind: meter.as_json() for kind, meter in self.received.items()},
            "admitted": {kind: meter.as_json() for kind, meter in self.admitted.items()},
            "answered": self.answered,
            "unpriced": self.unpriced,
            "cost_usd": format(self.cost_usd, "f"),
        }

    def _meters(self) -> dict[str, Meter]:
        return {kind: Meter() for kind in dict.fromkeys([*_COUNTED, *self.allowance.buckets])}


def _add(meters: Mapping[str, Meter], weight: Weight, now: float) -> None:
    for kind, meter in meters.items():
        meter.add(weight.against(kind), now)
