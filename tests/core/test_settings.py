"""What a config may ask for: refused when it is made, with the field and what to do, and by the row, too."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from minference_core.entities import EntityRegistry
from minference_core.providers import Capabilities, Unsupported, capabilities, provider_of
from minference_core.simulator.models import claude_model, openai_model
from minference_core.threads import ChatThread, LLMConfig
from minference_core.threads.config import config_problem


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


REFUSED = [
    ("openai", "gpt-5.4-mini", {"temperature": 0.5}, "temperature", "reasoning_effort: none"),
    ("openai", "o3-mini", {"temperature": 0.5}, "temperature", "leave it null"),
    ("openai", "o3-mini", {"stop": ["x"]}, "stop", "leave it null"),
    ("openai", "a-model-of-next-year", {"top_p": 0.5}, "top_p", "leave it null"),
    ("openai", "gpt-5", {"presence_penalty": 1.0}, "presence_penalty", "leave it null"),
    ("openai", "gpt-4.1-mini", {"reasoning_effort": "low"}, "reasoning_effort", "leave it null"),
    ("openai", "gpt-5", {"reasoning_effort": "none"}, "reasoning_effort", "minimal, low, medium or high"),
    ("openai", "gpt-5.1", {"reasoning_effort": "xhigh"}, "reasoning_effort", "none, low, medium or high"),
    ("openai", "gpt-5.2", {"reasoning_effort": "max"}, "reasoning_effort", "or xhigh"),
    ("openai", "gpt-5-chat-latest", {"reasoning_effort": "low"}, "reasoning_effort", "leave it null"),
    ("openai", "gpt-4.1", {"verbosity": "low"}, "verbosity", "leave it null"),
    ("openai", "gpt-4.1", {"service_tier": "standard_only"}, "service_tier", "flex"),
    ("openai", "gpt-3.5-turbo", {"response_format": "structured_output"}, "response_format", "use tool"),
    ("openai", "gpt-5.5-pro", {"api": "chat"}, "api", "use responses"),
    ("openai", "gpt-5.1-codex", {"api": "chat"}, "api", "use responses"),
    ("openai", "gpt-4.1", {"api": "responses", "seed": 1}, "seed", "api: chat"),
    ("openai", "gpt-4.1", {"api": "responses", "stop": ["x"]}, "stop", "api: chat"),
    ("openai", "gpt-4.1", {"api": "responses", "max_tokens": 15}, "max_tokens", "16"),
    ("openai", "gpt-5.5-pro", {"seed": 1}, "seed", "leave it null"),
    ("openai", "gpt-5", {"api_version": "2026-10-21"}, "api_version", "leave it null"),
    ("openai", "gpt-5", {"reasoning_max_tokens": 2000}, "reasoning_max_tokens", "leave it null"),
    ("anthropic", "claude-haiku-5-5", {"response_format": "json_object"}, "response_format", "structured"),
    ("anthropic", "claude-haiku-5-5", {"temperature": 0.5}, "temperature", "leave it null"),
    ("anthropic", "claude-haiku-4-5", {"temperature": 1.5}, "temperature", "0 to 1"),
    ("anthropic", "claude-haiku-4-5", {"seed": 7}, "seed", "leave it null"),
    ("anthropic", "claude-haiku-4-5", {"temperature": 0.5, "top_p": 0.5}, "top_p", "leave one null"),
    (
        "anthropic",
        "claude-sonnet-4-6",
        {"temperature": 0.5, "reasoning_effort": "low"},
        "temperature",
        "null",
    ),
    (
        "anthropic",
        "claude-haiku-4-5",
        {"reasoning_effort": "low"},
        "reasoning_effort",
        "reasoning_max_tokens",
    ),
    ("anthropic", "claude-haiku-5-5", {"reasoning_effort": "minimal"}, "reasoning_effort", "low, medium"),
    ("anthropic", "claude-haiku-5-5", {"reasoning_max_tokens": 300}, "reasoning_max_tokens", "effort"),
    ("anthropic", "claude-haiku-4-5", {"reasoning_max_tokens": 300}, "reasoning_max_tokens", "1024"),
    ("anthropic", "claude-haiku-4-5", {"reasoning_max_tokens": 1024}, "reasoning_max_tokens", "max_tokens"),
    ("anthropic", "claude-3-opus", {"reasoning_max_tokens": 1024}, "reasoning_max_tokens", "leave it null"),
    ("anthropic", "claude-3-opus", {"presence_penalty": 1.0}, "presence_penalty", "leave it null"),
    ("anthropic", "claude-3-opus", {"response_format": "structured_output"}, "response_format", "use tool"),
    (
        "anthropic",
        "claude-haiku-4-5",
        {"api_version": "2026-10-21", "temperature": 0.5},
        "temperature",
        "2023-06-01",
    ),
    ("anthropic", "claude-haiku-5-5", {"api": "chat"}, "api", "leave it null"),
    ("anthropic", "claude-haiku-5-5", {"service_tier": "flex"}, "service_tier", "standard_only"),
    ("vllm", "m", {"service_tier": "flex"}, "service_tier", "leave it null"),
    ("vllm", "m", {"provider_routing": {"order": []}}, "provider_routing", "leave it null"),
    ("vllm", "m", {"structured_outputs": {}}, "structured_outputs", "json, regex"),
    ("vllm", "m", {"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs", "one of"),
    (
        "vllm",
        "m",
        {"structured_outputs": {"regex": "a"}, "response_format": "json_object"},
        "structured_outputs",
        "use text",
    ),
    ("litellm", "m", {"structured_outputs": {"regex": "a"}}, "structured_outputs", "leave it null"),
    ("openrouter", "m", {"chat_template_kwargs": {"a": 1}}, "chat_template_kwargs", "leave it null"),
    ("openrouter", "m", {"prompt_cache_key": "k"}, "prompt_cache_key", "leave it null"),
    (
        "openrouter",
        "m",
        {"reasoning_max_tokens": 9, "reasoning_effort": "low"},
        "reasoning_max_tokens",
        "set one",
    ),
    ("openrouter", "m", {"reasoner": True}, "reasoner", "reasoning_effort"),
    ("azure_openai", "m", {}, "client", "OPENAI_BASE_URL"),
]


@pytest.mark.parametrize(
    ("client", "model", "settings", "field", "remedy"),
    [pytest.param(*case, id=f"{case[1]}: {case[3]}") for case in REFUSED],
)
def test_what_is_not_taken_is_refused_when_the_config_is_made(
    client: str, model: str, settings: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(ValidationError, match=rf"Value error, {field}: .*{remedy}"):
        LLMConfig(client=client, model=model, **settings)

    problem = config_problem({"client": client, "model": model, **settings, "thread_key": "of a row"})

    assert problem is not None
    assert problem.field == field
    assert remedy in str(problem)


@pytest.mark.parametrize(
    ("client", "model", "settings"),
    [
        ("openai", "gpt-5.4", {"reasoning_effort": "none", "temperature": 0.5, "top_p": 0.5}),
        ("openai", "gpt-5.6-mini", {"reasoning_effort": "max", "verbosity": "high"}),
        ("openai", "gpt-4.1", {"service_tier": "flex", "prompt_cache_key": "k", "api": "responses"}),
        ("anthropic", "claude-haiku-5-5", {"reasoning_effort": "none"}),
        ("anthropic", "claude-sonnet-4-6", {"reasoning_effort": "none", "temperature": 0.5}),
        ("anthropic", "claude-3-opus", {"temperature": 0.5, "top_p": 0.5}),
        ("anthropic", "claude-haiku-4-5", {"reasoning_max_tokens": 1024, "max_tokens": 2000}),
        ("openrouter", "m", {"reasoning_max_tokens": 9, "provider_routing": {"order": ["a"]}}),
        ("vllm", "m", {"structured_outputs": {"regex": "a"}, "chat_template_kwargs": {"a": True}}),
        ("openai", None, {"temperature": 0.5, "reasoning_effort": "max", "verbosity": "low"}),
    ],
)
def test_what_is_taken_is_not(client: str, model: str | None, settings: dict[str, Any]) -> None:
    assert LLMConfig(client=client, model=model, **settings).client == client
    assert config_problem({"client": client, "model": model, **settings}) is None


def test_a_config_without_a_model_is_judged_when_there_is_one() -> None:
    config = LLMConfig(client="openai", temperature=0.5)
    chat = ChatThread(llm_config=config, new_message="q")

    config.model = "o3-mini"

    with pytest.raises(Unsupported, match=r"^temperature: "):
        provider_of(chat).encode(chat)


def test_edits_may_pass_through_what_is_refused() -> None:
    config = LLMConfig(client="openai", model="gpt-4.1", temperature=0.5)

    config.model = "gpt-5.4"
    config.reasoning_effort = "none"

    chat = ChatThread(llm_config=config, new_message="q")
    assert provider_of(chat).encode(chat).body["temperature"] == 0.5


def test_a_stored_config_can_be_read_whatever_it_says() -> None:
    """Its model may have taken it then."""
    config = LLMConfig(client="openai", model="gpt-4.1", temperature=0.5)
    config.model = "gpt-5.4"
    EntityRegistry.register(config)
    version = config.cold_snapshot
    assert version is not None

    assert LLMConfig.cold(**version.__dict__).model == "gpt-5.4"
    again = EntityRegistry.get(version.id, LLMConfig)
    assert again is not None
    again.temperature = None
    assert again.fork(max_tokens=5).max_tokens == 5


def test_what_is_known_of_a_model_can_be_corrected() -> None:
    known = {"stop": True, "efforts": ["low"], "sampling": "always", "developer_role": False}
    config = LLMConfig(
        client="openai",
        model="our-own",
        capabilities=known,
        stop=["x"],
        temperature=0.5,
        reasoning_effort="low",
    )
    chat = ChatThread(llm_config=config, new_message="q")
    made = chat.cold_snapshot
    assert made is not None

    for one in (chat, made):
        sent = provider_of(one).encode(one).body
        assert (sent["stop"], sent["temperature"], sent["reasoning_effort"]) == (["x"], 0.5, "low")


@pytest.mark.parametrize("wrong", [{"stops": True}, {"efforts": ["extreme"]}, {"sampling": "now and then"}])
def test_a_correction_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"capabilities: .*there are apis, .*prefill"):
        LLMConfig(client="openai", model="gpt-5", capabilities=wrong)


def test_a_model_nobody_has_listed_is_taken_for_one_of_the_newest() -> None:
    assert capabilities("openai", "gpt-9") == capabilities("openai", "gpt-5.6-sol")
    assert capabilities("anthropic", "claude-next") == capabilities("anthropic", "claude-opus-5-5")
    assert capabilities("openai", "ft:gpt-4.1-mini:us:a-pro") == capabilities("openai", "gpt-4.1-mini")
    assert capabilities("openai", "gpt-7-pro").apis == ("responses",)
    assert capabilities("vllm", "gpt-7-pro") != Capabilities()


OPENAI = (
    "gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4.1", "o1", "o3-mini", "o4-mini", "gpt-5",
    "gpt-5-chat-latest", "gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.5", "gpt-5.6-luna", "gpt-6-astra", "gpt-9",
)  # fmt: skip
CLAUDE = (
    "claude-2.1", "claude-3-opus", "claude-3-7-sonnet-latest", "claude-sonnet-4-0", "claude-opus-4-1",
    "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-6", "claude-sonnet-4-6",
    "claude-opus-4-7", "claude-opus-4-8", "claude-haiku-5-5", "claude-mythos-5",
)  # fmt: skip


@pytest.mark.parametrize("name", OPENAI)
def test_the_simulator_says_the_same_of_openais_models(name: str) -> None:
    """It has the facts from elsewhere. It is right to take more than we ask for, never less."""
    ours, theirs = capabilities("openai", name), openai_model(name)
    assert theirs is not None

    assert ours.efforts == theirs.efforts
    assert ours.structured_output == theirs.json_schema
    assert ours.stop <= theirs.takes_stop
    assert ours.tools_with_effort == theirs.tools_with_effort
    assert (ours.sampling == "always") == (theirs.sampling == "any")


@pytest.mark.parametrize("name", CLAUDE)
def test_the_simulator_says_the_same_of_claude(name: str) -> None:
    ours, theirs = capabilities("anthropic", name), claude_model(name)
    assert theirs is not None

    assert (ours.sampling != "never") == theirs.temperature
    assert ours.structured_output == theirs.structured
    assert ours.prefill == theirs.prefill
    assert ("adaptive" in ours.thinking, "budget" in ours.thinking) == (theirs.adaptive, theirs.budget)
    assert ("high" in ours.efforts) == theirs.effort
    assert ours.reasons_unasked == theirs.thinks_unasked
    assert ours.temperature_with_top_p != (theirs.temperature and theirs.one_of_temperature_and_top_p) or (
        ours.sampling == "never"
    )


def test_a_field_of_one_client_is_no_others() -> None:
    fields = {"api": "chat", "api_version": "2023-06-01", "verbosity": "low", "prompt_cache_key": "k"}
    homes = {"api": "openai", "api_version": "anthropic", "verbosity": "openai", "prompt_cache_key": "openai"}

    for client, (name, value) in product(("openai", "anthropic", "vllm", "litellm"), fields.items()):
        problem = config_problem({"client": client, name: value})
        assert (problem is None) == (homes[name] == client)
