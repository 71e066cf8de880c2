"""The user's own prices are used wherever there are dollars: in the plan, the run, what it leaves behind."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from minference_core.engine import Budget, Lane, LaneLimits, Spending
from minference_core.entities import EntityRegistry
from minference_core.errors import ErrorClass
from minference_core.orchestrator import InferenceOrchestrator, RequestLimits
from minference_core.orchestrator.limits import lane_limits
from minference_core.requests import OWN_PRICE_ID
from minference_core.specs import SpecDefaults
from minference_core.threads import ChatThread, LLMConfig, OwnPrice
from tests.conftest import Pipeline, specs

PRICES = {"my-model": OwnPrice(input=Decimal(1), output=Decimal(2))}
OWN = SpecDefaults(client="vllm", model="my-model", max_tokens=50, prices=PRICES)


def test_plan_run_and_exchanges_have_their_dollars(
    pipeline: Callable[..., Pipeline], simulator: Callable[..., str]
) -> None:
    made = pipeline(specs(4), url=simulator(), defaults=OWN)

    plan = made.plan()
    report = made.run(spending=Spending(prices=PRICES))

    rows = pl.read_parquet(made.exchanges)
    paid = sum((row["prompt_tokens"] + 2 * row["completion_tokens"] for row in rows.to_dicts()), 0)
    assert plan.unknown_price == report.unknown_price == 0
    assert plan.cost_low_usd <= report.cost_usd <= plan.cost_high_usd
    assert report.cost_usd == rows["cost_usd"].sum() == Decimal(paid) / 1_000_000
    assert set(rows["price_id"]) == {OWN_PRICE_ID}


def test_without_one_nobody_knows_what_it_costs(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline(specs(4), defaults=OWN.model_copy(update={"prices": None}))

    assert made.plan().unknown_price == 4


def test_a_budget_in_dollars_holds_a_model_with_a_price_of_its_own(
    pipeline: Callable[..., Pipeline], simulator: Callable[..., str]
) -> None:
    made = pipeline(specs(40), url=simulator(), defaults=OWN, max_in_flight=1)
    budget = Budget(scope="run one", usd=Decimal("0.001"))

    report = made.run(spending=Spending(budgets=[budget], prices=PRICES))

    assert Decimal("0.0005") < report.cost_usd <= Decimal("0.001")
    assert report.failures[ErrorClass.BUDGET] == 40 - report.sent > 0


def test_the_library_counts_with_them(tmp_path: Path, simulator: Callable[..., str]) -> None:
    lane = Lane(client="vllm", base_url=f"{simulator()}/vllm", api_key=SecretStr("sk-test"))
    orchestrator = InferenceOrchestrator(
        lanes={"vllm": lane}, cache_folder=tmp_path, spending=Spending(prices=PRICES)
    )
    with EntityRegistry().active():
        thread = ChatThread(llm_config=LLMConfig(client="vllm", model="my-model"), new_message="Hello?")
        (out,) = orchestrator.run([thread])

    assert out.usage is not None
    assert out.usage.prompt_tokens
    assert out.usage.completion_tokens
    paid = out.usage.prompt_tokens + 2 * out.usage.completion_tokens
    assert out.cost_usd == pytest.approx(paid / 1_000_000)


def test_the_librarys_limits_are_all_those_of_a_lane() -> None:
    limits = RequestLimits(
        max_requests_per_minute=1,
        max_tokens_per_minute=2,
        max_input_tokens_per_minute=3,
        max_output_tokens_per_minute=4,
        max_in_flight=5,
    )

    assert lane_limits(limits) == LaneLimits(
        requests_per_minute=1,
        tokens_per_minute=2,
        input_tokens_per_minute=3,
        output_tokens_per_minute=4,
        max_in_flight=5,
    )
