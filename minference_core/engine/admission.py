"""
What a request has to have before it is sent: a budget that can bear it, and its turn at the gate.

And what is to be made of its end: what it really took, what the provider says of the account.
"""

from dataclasses import dataclass
from decimal import Decimal

import orjson

from minference_core.engine.asked import Sendable
from minference_core.engine.budget import BudgetSpent, Purse, Spending, takings
from minference_core.engine.gate import Gate, Pass
from minference_core.engine.ledger import Takings
from minference_core.engine.transport import HttpReply
from minference_core.errors import ErrorClass, RequestTooLarge, TransportError, Unreached
from minference_core.providers import limits_in
from minference_core.requests import Meaning, Weight, price
from minference_core.threads import TokenUsage

__all__ = ["Admission", "Refused", "Ticket"]

_NOTHING = Takings()
_DEARER = {"service_tier": "priority", "speed": "fast"}


class Refused(Exception):
    """A request that is not to be sent."""

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


@dataclass(slots=True)
class Ticket:
    """A request that may be sent: its turn, and what is set aside for it."""

    admitted: Pass
    reserved: Takings


class Admission:
    """One lane's door, for one run."""

    def __init__(
        self,
        gate: Gate,
        purse: Purse,
        spending: Spending,
    ) -> None:
        self.gate = gate
        self._purse = purse
        self._spending = spending

    def most(self, request: Sendable, weight: Weight) -> Takings:
        """
        The most that one sending may cost.

        Raises:
            Refused: It can never fit the lane's limits, or a budget, as nobody knows its price or its length.
        """
        try:
            self.gate.check(weight, request.model)
        except RequestTooLarge as exc:
            raise Refused(ErrorClass.TOO_LARGE, str(exc)) from exc
        if not self._purse.budgets:
            return _NOTHING
        read, written = weight.most_prompt, weight.most_output
        usage = TokenUsage(
            prompt_tokens=weight.prompt if read is None else read,
            completion_tokens=weight.output if written is None else written,
            service_tier=_tier(request.body),
        )
        usd = self._dollars(request, usage) if self._purse.has_dollars else None
        if self._purse.has_tokens or usd is not None:
            _must_be_bounded(read, written)
        if self._purse.has_dollars:
            self._must_be_known(request, usd)
        return takings(usd, usage.total_tokens or 0)

    async def enter(self, weight: Weight, most: Takings) -> Ticket:
        """
        Wait for room in the budgets and for the request's turn.

        Raises:
            Refused: No budget is left for it.
            LedgerError: The ledger cannot be reached.
        """
        try:
            await self._purse.reserve(most)
        except BudgetSpent as exc:
            raise Refused(ErrorClass.BUDGET, str(exc)) from exc
        try:
            return Ticket(await self.gate.enter(weight), most)
        except BaseException:
            self._purse.settle(most, _NOTHING)
            raise

    def turn_back(self, ticket: Ticket) -> None:
        """It is not sent after all."""
        self.gate.leave(ticket.admitted)
        self._purse.settle(ticket.reserved, _NOTHING)

    def leave(
        self, request: Sendable, ticket: Ticket, answer: HttpReply | TransportError, meaning: Meaning
    ) -> Takings:
        """It has been sent, and this came of it; returns what it cost."""
        usage = meaning.reply.usage if meaning.reply is not None else None
        self.gate.leave(ticket.admitted, usage)
        spent = self._spent(request, ticket.reserved, answer, meaning)
        self._purse.settle(ticket.reserved, spent)
        if isinstance(answer, HttpReply) and (said := limits_in(answer.headers)) is not None:
            self.gate.learn(said, request.model)
        return spent

    def _spent(
        self,
        request: Sendable,
        reserved: Takings,
        answer: HttpReply | TransportError,
        meaning: Meaning,
    ) -> Takings:
        """What a sending cost; all that was set aside for it where nobody knows."""
        if not self._purse.budgets or isinstance(answer, Unreached):
            return _NOTHING
        if isinstance(answer, HttpReply) and _is_refusal(answer, meaning):
            return _NOTHING
        usage = meaning.reply.usage if meaning.reply is not None else None
        if usage is None or usage.prompt_tokens is None:
            return reserved
        tokens = usage.prompt_tokens + (usage.completion_tokens or 0)
        if not self._purse.has_dollars:
            return Takings(0, tokens)
        usd = self._dollars(request, usage)
        return takings(usd, tokens) if usd is not None else Takings(reserved.nanodollars, tokens)

    def _dollars(self, request: Sendable, usage: TokenUsage) -> Decimal | None:
        return price(request.client, request.model, usage, self._spending.prices).usd

    def _must_be_known(self, request: Sendable, usd: Decimal | None) -> None:
        if usd is None and not self._spending.allow_unknown_price:
            raise Refused(
                ErrorClass.BUDGET,
                f"no price is known for {request.model} on {request.client}, so no budget in dollars can "
                f"hold it: give its price in `prices`, or set allow_unknown_price",
            )


def _must_be_bounded(read: int | None, written: int | None) -> None:
    if read is None:
        raise Refused(
            ErrorClass.BUDGET,
            "nothing bounds what it reads, a document or a recording, so no budget can hold it: "
            "send its text, or run it without a budget",
        )
    if written is None:
        raise Refused(
            ErrorClass.BUDGET, "nothing bounds its answer, so no budget can hold it: set max_tokens"
        )


def _is_refusal(answer: HttpReply, meaning: Meaning) -> bool:
    """Whether the server says, in a 200 or not, that it did not answer; what cannot be read is paid for."""
    if not 200 <= answer.status < 300:
        return True
    return meaning.reply is None and meaning.error not in (None, ErrorClass.UNDECODABLE)


def _tier(body: bytes) -> str | None:
    """The tier that a request asks for, if it is a dearer one: OpenAI's priority, Anthropic's fast mode."""
    if not any(field.encode() in body for field in _DEARER):
        return None
    asked = orjson.loads(body)
    return next((tier for field, tier in _DEARER.items() if asked.get(field) == tier), None)
