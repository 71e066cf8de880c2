"""The limits that the environment tells of: `OPENAI_RPM` and its kin."""

import pytest

from minference_core.engine import LaneLimits, environment
from minference_core.errors import ConfigError
from minference_core.providers import PROVIDERS

ENDINGS = ["RPM", "TPM", "INPUT_TPM", "OUTPUT_TPM", "MAX_IN_FLIGHT"]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINFERENCE_SIMULATOR", raising=False)
    for client in PROVIDERS:
        for ending in ENDINGS:
            monkeypatch.delenv(f"{client.upper()}_{ending}", raising=False)


@pytest.mark.parametrize("client", sorted(PROVIDERS))
def test_each_client_has_variables_of_its_own(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, ending in enumerate(ENDINGS, start=1):
        monkeypatch.setenv(f"{client.upper()}_{ending}", str(number))

    assert environment.limits_of(client) == LaneLimits(
        requests_per_minute=1,
        tokens_per_minute=2,
        input_tokens_per_minute=3,
        output_tokens_per_minute=4,
        max_in_flight=5,
    )
    assert all(environment.limits_of(other) == LaneLimits() for other in PROVIDERS if other != client)


def test_of_the_datasets_and_the_environments_the_lower_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_RPM", "100")
    monkeypatch.setenv("OPENAI_TPM", "1000")
    asked = LaneLimits(requests_per_minute=50, tokens_per_minute=5_000, max_in_flight=7)

    limits = environment.lanes({"openai": asked})["openai"].limits

    assert limits == LaneLimits(requests_per_minute=50, tokens_per_minute=1_000, max_in_flight=7)


def test_the_simulator_is_held_to_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINFERENCE_SIMULATOR", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_OUTPUT_TPM", "8000")

    lane = environment.lanes({})["anthropic"]

    assert lane.simulated
    assert lane.limits == LaneLimits(output_tokens_per_minute=8_000)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_no_limit(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_RPM", text)

    assert environment.limits_of("openai") == LaneLimits()


@pytest.mark.parametrize("text", ["0", "-1", "6,000", "1e3", "6000.0", "many", "６０"])
def test_anything_else_than_a_whole_number_from_1_is_told_with_its_name(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_TPM", text)

    with pytest.raises(ConfigError, match=r"VLLM_TPM is .*: set it to a whole number from 1"):
        environment.lanes({})


def test_a_plan_counts_with_what_the_environment_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_RPM", "60")

    in_force = environment.in_force({"openai": LaneLimits(requests_per_minute=6_000, tokens_per_minute=9)})

    assert in_force["openai"] == LaneLimits(requests_per_minute=60, tokens_per_minute=9)
    assert in_force["anthropic"] == LaneLimits()
