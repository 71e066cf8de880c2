"""A request that was admitted: what becomes of it, and what it costs."""

import time
from dataclasses import dataclass, replace
from random import Random

from minference_core.simulator.accounts import Account
from minference_core.simulator.ids import Ids
from minference_core.simulator.limits import Weight
from minference_core.simulator.list_price import Used, cost_usd
from minference_core.simulator.wire import Answer, Ask, Refused, Wire

__all__ = ["NO_ANSWER", "Job"]

# Whoever gets one of these was given no answer to pay for, or another than the model's.
NO_ANSWER = frozenset({"hang", "garbage", "not_http", "nothing"})


@dataclass(frozen=True, slots=True)
class Job:
    """A request that was admitted, and all that its answer follows from."""

    wire: Wire
    ask: Ask
    weight: Weight
    rng: Random
    ids: Ids
    account: Account
    fault: str | None

    def done(self) -> Answer:
        """
        Make the answer, and charge for it.

        Raises:
            Refused: Its fate is an error; then what it made is nothing.
        """
        try:
            answer = _outcome(self.wire, self.ask, self.rng, self.ids, self.fault)
        except Refused:
            self.undone()
            raise
        used = Used.of(answer.body["usage"])
        self.account.settle(self.weight, Weight(used.input, used.output, used.cached), time.monotonic())
        if self.fault not in NO_ANSWER:
            self.account.bill(cost_usd(self.wire.provider, self.ask.model, answer.body, answer.headers))
        return answer

    def undone(self) -> None:
        """Nothing was made of it."""
        self.account.settle(self.weight, replace(self.weight, output=0), time.monotonic())


def _outcome(wire: Wire, ask: Ask, rng: Random, ids: Ids, fault: str | None) -> Answer:
    if fault == "quota":
        raise wire.out_of_credit()
    if fault == "no_retry_after":
        raise _without_advice(wire.failed(429))
    if fault is not None and fault.isdigit():
        raise wire.failed(int(fault))
    if fault == "invalid_output":
        ask = replace(ask, misfit=True)
    return wire.answer(ask, rng, ids, refuse=fault == "refusal")


def _without_advice(refused: Refused) -> Refused:
    text = refused.message.partition(" Please try again")[0]
    return Refused(refused.status, text, kind=refused.kind, code=refused.code)
