"""The server as the judge: what it admitted, in which stretch of time, and what it charged for."""

import contextlib
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from minference_core.requests import price
from minference_core.simulator import account_name
from minference_core.simulator.accounts import Account
from minference_core.simulator.limits import Allowance, Weight
from minference_core.threads import TokenUsage
from tests.core.simulator.conftest import Asker, Running


def stats(ask: Asker) -> dict[str, Any]:
    return dict(ask.http.get("/stats").json())


def account(ask: Asker, provider: str = "openai", key: str = "sk-test") -> dict[str, Any]:
    return dict(stats(ask)["accounts"][account_name(provider, key)])


def test_what_was_received_and_what_was_admitted_are_counted_apart(running: Running) -> None:
    with running(requests_per_minute=240, tokens_per_minute=60_000) as ask:
        statuses = [ask.chat("hi", max_tokens=10).status_code for _ in range(9)]
        seen = account(ask)

    admitted = statuses.count(200)
    assert admitted < 9
    assert seen["limits"] == {
        "requests": {"per_minute": 240, "burst": 4.0},
        "tokens": {"per_minute": 60_000, "burst": 1000.0},
    }
    assert seen["received"]["requests"]["total"] == 9
    assert seen["admitted"]["requests"]["total"] == admitted
    assert seen["admitted"]["requests"]["max_1s"] <= 4 + 4
    assert seen["admitted"]["tokens"]["largest"] < 30
    assert seen["answered"] == admitted


def test_an_accounts_key_is_shown_to_nobody(running: Running) -> None:
    with running() as ask:
        ask.chat(headers={"Authorization": "Bearer sk-very-secret"})
        ask.chat(path="/vllm/v1/chat/completions", model="llama")
        said = ask.http.get("/stats").text

    assert set(json.loads(said)["accounts"]) == {
        account_name("openai", "sk-very-secret"),
        account_name("vllm", "sk-test"),
    }
    assert "secret" not in said


def test_never_more_than_the_rate_and_the_burst_in_any_window_however_hard_it_is_asked() -> None:
    judge = Account(Allowance(6000, 120_000, 0.0), settles=False)
    for tick in range(200_000):
        judge.admit(Weight(10, 15), tick / 2000)

    admitted = judge.admitted
    assert 0.99 * (2000 + 120_000) < admitted["tokens"].max_60s <= 2000 + 120_000
    assert admitted["tokens"].max_1s <= 2000 + 2000
    assert judge.received["requests"].max_1s == pytest.approx(2000, abs=1)


def test_what_was_reserved_and_not_used_can_be_used_by_others() -> None:
    judge = Account(Allowance(None, 600, 0.0), settles=True)
    asked, made = Weight(2, 8), Weight(2, 1)

    assert judge.admit(asked, 0.0) is None
    assert judge.admit(asked, 0.1) is not None
    judge.settle(asked, made, 0.1)
    assert judge.admit(Weight(2, 6), 0.1) is None

    assert judge.admitted["tokens"].total == 3 + 8


def test_a_total_limit_counts_the_whole_output_limit_for_good_unless_told_otherwise() -> None:
    judge = Account(Allowance(None, 600, 0.0), settles=False)
    judge.admit(Weight(2, 8), 0.0)
    judge.settle(Weight(2, 8), Weight(2, 1), 0.1)

    assert judge.admit(Weight(2, 6), 0.1) is not None


def test_input_and_output_have_limits_of_their_own_at_anthropic(running: Running) -> None:
    with running(input_tokens_per_minute=600_000, output_tokens_per_minute=60_000) as ask:
        first, other = ask.claude(max_tokens=900), ask.chat(max_tokens=900)
        over = ask.claude(max_tokens=1000)
        never = ask.claude(max_tokens=60_001, model="claude-sonnet-4-6")
        seen = account(ask, "anthropic", "sk-ant")

    assert first.headers["anthropic-ratelimit-input-tokens-limit"] == "600000"
    assert first.headers["anthropic-ratelimit-output-tokens-limit"] == "60000"
    assert int(first.headers["anthropic-ratelimit-output-tokens-remaining"]) >= 1000 - 300
    assert "anthropic-ratelimit-output-tokens-reset" in first.headers
    assert not [name for name in other.headers if "ratelimit" in name]
    assert over.status_code in (200, 429)
    assert never.status_code == 429
    assert never.json()["error"]["type"] == "rate_limit_error"
    assert "rate limit of 60,000 output tokens per minute" in never.json()["error"]["message"]
    made = sum(each.json()["usage"]["output_tokens"] for each in (first, over) if each.status_code == 200)
    assert seen["admitted"]["output_tokens"]["total"] == made


def test_input_that_a_cache_holds_is_not_counted(running: Running) -> None:
    text = "The tides in the Bay of Fundy are the highest on earth. " * 120
    system = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
    with running(input_tokens_per_minute=6_000_000) as ask:
        usages = [ask.claude(f"{n}?", system=system).json()["usage"] for n in range(2)]
        seen = account(ask, "anthropic", "sk-ant")["admitted"]

    assert usages[1]["cache_read_input_tokens"] > 1024
    counted = sum(each["input_tokens"] + each["cache_creation_input_tokens"] for each in usages)
    assert seen["input_tokens"]["total"] == counted


def test_every_answer_is_charged_for_at_its_list_price(running: Running) -> None:
    with running() as ask:
        chat, claude = ask.chat(max_tokens=200).json(), ask.claude().json()
        ask.chat(path="/vllm/v1/chat/completions", model="llama")
        ask.chat(messages=[])
        seen = stats(ask)

    assert paid(seen, "openai", "sk-test") == list_price("openai", chat, "prompt_tokens", "completion_tokens")
    assert paid(seen, "anthropic", "sk-ant") == list_price(
        "anthropic", claude, "input_tokens", "output_tokens"
    )
    assert seen["accounts"][account_name("vllm", "sk-test")]["unpriced"] == 1
    assert Decimal(seen["cost_usd"]) == sum(Decimal(each["cost_usd"]) for each in seen["accounts"].values())


def paid(seen: dict[str, Any], provider: str, key: str) -> Decimal:
    return Decimal(seen["accounts"][account_name(provider, key)]["cost_usd"])


def list_price(client: str, answer: dict[str, Any], sent: str, made: str) -> Decimal | None:
    """As the client works it out."""
    usage = TokenUsage(prompt_tokens=answer["usage"][sent], completion_tokens=answer["usage"][made])
    return price(client, answer["model"], usage).usd


@pytest.mark.parametrize(
    ("fault", "charged"), [("drop", True), ("truncate", True), ("500", False), ("garbage", False)]
)
def test_an_answer_that_was_made_and_lost_is_charged_for(
    running: Running, fault: str, *, charged: bool
) -> None:
    with running(faults={fault: 1}) as ask:
        with contextlib.suppress(httpx.RemoteProtocolError):
            ask.chat()
        seen = stats(ask)

    assert (Decimal(seen["cost_usd"]) > 0) is charged


def test_a_client_that_leaves_before_its_answer_pays_for_it(running: Running) -> None:
    with running(latency_ms=60_000) as ask:
        with pytest.raises(httpx.ReadTimeout):
            ask.http.post(
                "/v1/chat/completions",
                json={"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]},
                headers={"Authorization": "Bearer sk-test"},
                timeout=0.2,
            )
        while (seen := stats(ask))["in_flight"]:
            time.sleep(0.01)

    assert Decimal(seen["cost_usd"]) > 0
    assert seen["answered"] == 0


def test_an_answer_that_went_out_whole_has_a_line_that_says_so(running: Running, tmp_path: Path) -> None:
    log, delivered = tmp_path / "log.jsonl", tmp_path / "delivered.jsonl"
    with running(log=log, delivered=delivered, faults={"truncate": 0.3, "500": 0.3}, seed=1) as ask:
        for n in range(20):
            with contextlib.suppress(httpx.RemoteProtocolError):
                ask.chat(f"question {n}", headers={"x-client-request-id": str(n)})

    seen = {line["seq"]: line for line in map(json.loads, log.read_text().splitlines())}
    went_out = [json.loads(line) for line in delivered.read_text().splitlines()]
    assert {line["seq"] for line in went_out} == {n for n, line in seen.items() if line["fault"] is None}
    assert 0 < len(went_out) < 20
    for line in went_out:
        same = ("t", "client_request_id", "body_sha256", "request_id")
        assert [line[name] for name in same] == [seen[line["seq"]][name] for name in same]
        assert line["delivered"] >= line["t"]
