"""What a request has to have before it is sent, and what is made of its end; with a real gate and ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, cast

import pytest

from minference_core.engine import (
    Admission,
    Budget,
    Gate,
    HttpReply,
    Lane,
    LaneLimits,
    Ledger,
    Purse,
    Spending,
)
from minference_core.engine.admission import Refused
from minference_core.engine.ledger import Takings
from minference_core.errors import ErrorClass, TimedOut, TransportError, Unreached
from minference_core.requests import Meaning, Weight
from minference_core.threads import OwnPrice, Reply, TokenUsage

WEIGHT = Weight(prompt=100, output=400, most_prompt=200, most_output=400)
PRICE = OwnPrice(input=Decimal(1), output=Decimal(2))  # WEIGHT costs at most 200 + 800 millionths of a dollar
ANSWERED = Meaning(Reply(text="hi", finish="stop", usage=TokenUsage(prompt_tokens=100, completion_tokens=20)))
OK = HttpReply(200, {}, b"")


class Asked:
    """As much of a request as its price needs."""

    client, model, body = "vllm", "our-own", b"{}"


ASKED: Any = Asked()


def admitted(
    work: Callable[[Admission, Ledger], Awaitable[Any]],
    *budgets: Budget,
    prices: dict[str, OwnPrice] | None = None,
    allow_unknown_price: bool = False,
    **limits: int,
) -> Any:
    """What comes of it at the door of a lane with these limits, for a run with these budgets."""
    spending = Spending(
        budgets=budgets,
        prices={"our-own": PRICE} if prices is None else prices,
        allow_unknown_price=allow_unknown_price,
    )
    lane = Lane(client="vllm", base_url="http://127.0.0.1:1", limits=LaneLimits(**limits))

    async def all_of_it() -> Any:
        with Ledger() as ledger:
            async with (
                Purse(ledger, "run", budgets) as purse,
                Gate(lane, ledger, max_in_flight=4) as gate,
            ):
                return await work(Admission(gate, purse, spending), ledger)

    return asyncio.run(all_of_it())


def most(weight: Weight = WEIGHT, **more: Any) -> Takings:
    async def asked(admission: Admission, _: Ledger) -> Takings:
        return admission.most(ASKED, weight)

    found = admitted(asked, *more.pop("budgets", ()), **more)
    assert isinstance(found, Takings)
    return found


def test_without_a_budget_nothing_is_set_aside() -> None:
    assert most() == Takings()


def test_what_is_set_aside_is_the_most_that_it_may_cost_and_not_the_guess() -> None:
    assert most(budgets=[Budget(scope="x", tokens=10_000)]) == Takings(0, 600)
    assert most(budgets=[Budget(scope="x", usd=Decimal(1))]) == Takings(1_000_000, 600)


@pytest.mark.parametrize(
    ("more", "weight", "error", "said"),
    [
        ({"tokens_per_minute": 400}, WEIGHT, ErrorClass.TOO_LARGE, "500 tokens"),
        (
            {"prices": {}, "budgets": [Budget(scope="x", usd=Decimal(1))]},
            WEIGHT,
            ErrorClass.BUDGET,
            "no price",
        ),
        (
            {"budgets": [Budget(scope="x", usd=Decimal(1))]},
            WEIGHT._replace(most_output=None),
            ErrorClass.BUDGET,
            "set max_tokens",
        ),
        (
            {"budgets": [Budget(scope="x", tokens=10_000)], "allow_unknown_price": True},
            WEIGHT._replace(most_output=None),
            ErrorClass.BUDGET,
            "set max_tokens",
        ),
        (
            {"budgets": [Budget(scope="x", usd=Decimal(1))], "allow_unknown_price": True},
            WEIGHT._replace(most_output=None),
            ErrorClass.BUDGET,
            "set max_tokens",
        ),
        (
            {"budgets": [Budget(scope="x", tokens=10_000)]},
            WEIGHT._replace(most_prompt=None),
            ErrorClass.BUDGET,
            "nothing bounds what it reads",
        ),
    ],
)
def test_what_no_limit_and_no_budget_can_hold_is_refused(
    more: dict[str, Any], weight: Weight, error: ErrorClass, said: str
) -> None:
    with pytest.raises(Refused, match=said) as refused:
        most(weight, **more)
    assert refused.value.error is error


@pytest.mark.parametrize(
    ("client", "model", "body"),
    [
        ("openai", "gpt-4.1", b'{"service_tier": "priority"}'),
        ("anthropic", "claude-opus-4-8", b'{"speed": "fast"}'),
    ],
)
def test_a_dearer_tier_is_set_aside_as_such(client: str, model: str, body: bytes) -> None:
    def aside(body: bytes) -> int:
        async def asked(admission: Admission, _: Ledger) -> Takings:
            request = Asked()
            request.client, request.model, request.body = client, model, body
            return admission.most(cast("Any", request), WEIGHT)

        found: Takings = admitted(asked, Budget(scope="x", usd=Decimal(1)))
        return found.nanodollars

    assert aside(body) > 1.5 * aside(b"{}") > 0


def test_an_unknown_price_is_let_through_by_who_says_so_or_counts_in_tokens() -> None:
    in_dollars, in_tokens = Budget(scope="x", usd=Decimal(1)), Budget(scope="x", tokens=10_000)

    assert most(prices={}, budgets=[in_dollars], allow_unknown_price=True) == Takings(0, 600)
    assert most(prices={}, budgets=[in_tokens]) == Takings(0, 600)


@pytest.mark.parametrize(
    ("answer", "meaning", "spent"),
    [
        pytest.param(OK, ANSWERED, Takings(140_000, 120), id="an answer: what its usage costs"),
        pytest.param(
            HttpReply(429, {}, b""), Meaning(None, ErrorClass.RATE_LIMIT), Takings(), id="a refusal: nothing"
        ),
        pytest.param(
            Unreached("x"), Meaning(None, ErrorClass.CONNECTION), Takings(), id="never sent: nothing"
        ),
        pytest.param(
            TimedOut("x"), Meaning(None, ErrorClass.TIMEOUT), Takings(1_000_000, 600), id="late: the most"
        ),
        pytest.param(
            TransportError("x"),
            Meaning(None, ErrorClass.CONNECTION),
            Takings(1_000_000, 600),
            id="lost: the most",
        ),
        pytest.param(OK, Meaning(None, ErrorClass.SERVER), Takings(), id="a refusal inside a 200: nothing"),
        pytest.param(
            OK, Meaning(None, ErrorClass.UNDECODABLE), Takings(1_000_000, 600), id="not readable: the most"
        ),
        pytest.param(
            OK,
            Meaning(Reply(text="hi", finish="stop", usage=TokenUsage())),
            Takings(1_000_000, 600),
            id="without usage: the most",
        ),
    ],
)
def test_what_a_sending_costs(answer: HttpReply | TransportError, meaning: Meaning, spent: Takings) -> None:
    async def sent(admission: Admission, _: Ledger) -> Takings:
        ticket = await admission.enter(WEIGHT, admission.most(ASKED, WEIGHT))
        return admission.leave(ASKED, ticket, answer, meaning)

    assert admitted(sent, Budget(scope="x", usd=Decimal(1))) == spent


def test_what_did_not_come_about_is_free_again() -> None:
    """The budget holds one at a time: each is turned back, let go while it waits, or sent and refused."""
    budget = Budget(scope="x", tokens=700)

    async def four(admission: Admission, _: Ledger) -> int:
        aside = admission.most(ASKED, WEIGHT)
        admission.turn_back(await admission.enter(WEIGHT, aside))
        admission.gate.hold(60.0)
        waiting = asyncio.create_task(admission.enter(WEIGHT, aside))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        admission.gate._held_until = 0.0
        ticket = await asyncio.wait_for(admission.enter(WEIGHT, aside), 30)
        admission.leave(ASKED, ticket, HttpReply(500, {}, b""), Meaning(None, ErrorClass.SERVER))
        ticket = await asyncio.wait_for(admission.enter(WEIGHT, aside), 30)
        admission.leave(ASKED, ticket, OK, ANSWERED)
        return admission.gate.window.in_use

    assert admitted(four, budget) == 0


def test_who_finds_no_room_in_a_budget_is_told_which() -> None:
    async def entered(admission: Admission, _: Ledger) -> None:
        await admission.enter(WEIGHT, admission.most(ASKED, WEIGHT))

    with pytest.raises(Refused, match="dataset chat") as refused:
        admitted(entered, Budget(scope="dataset chat", tokens=599))
    assert refused.value.error is ErrorClass.BUDGET


def test_what_an_answer_says_of_the_limits_is_learned() -> None:
    async def answered(admission: Admission, _: Ledger) -> LaneLimits:
        ticket = await admission.enter(WEIGHT, admission.most(ASKED, WEIGHT))
        admission.leave(ASKED, ticket, HttpReply(200, {"x-ratelimit-limit-requests": "60"}, b""), ANSWERED)
        for _tries in range(200):
            if admission.gate.limits.requests_per_minute == 60:
                break
            await asyncio.sleep(0.05)
        return admission.gate.limits

    assert admitted(answered, requests_per_minute=6_000).requests_per_minute == 60
