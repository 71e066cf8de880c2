"""A real LiteLLM proxy before models that it mocks and before our simulator, asked as a user would ask it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from minference_core.engine import Lane, environment
from minference_core.entities import EntityRegistry
from minference_core.errors import ErrorClass
from minference_core.orchestrator import InferenceOrchestrator, RequestLimits
from minference_core.providers import PROVIDERS
from minference_core.requests import ProcessedOutput
from minference_core.simulator import SimulatorSettings, simulator_in_thread
from minference_core.specs import SpecDefaults
from minference_core.threads import ChatThread, LLMConfig, SystemPrompt
from minference_core.tools import CallableRegistry, CallableTool, StructuredTool
from tests.conftest import Pipeline, Row, write_specs
from tests.e2e.litellm.proxy import MASTER_KEY, Proxy, running_proxy

# The first run on a machine installs the proxy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer"}},
    "required": ["score"],
    "additionalProperties": False,
}
MOCKED_USAGE = (10, 20)  # what LiteLLM says that a mocked answer took
MOCKED_COST = Decimal("0.0000135")


class ThroughTheProxy(Pipeline):
    """The partition of somebody who has set LITELLM_ENDPOINT and LITELLM_API_KEY."""

    def lanes(self) -> dict[str, Lane]:
        return environment.lanes(self.limits)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with ExitStack() as running:

        def simulator(**settings: Any) -> str:
            return running.enter_context(simulator_in_thread(SimulatorSettings(**settings)))

        url = simulator()
        upstream = {
            "SIMULATOR_AS_OPENAI": f"{url}/v1",
            "SIMULATOR_AS_ANTHROPIC": f"{url}/anthropic",
            "SIMULATOR_OUT_OF_MONEY": f"{simulator(faults={'quota': 1.0})}/v1",
            "SIMULATOR_LIMITED": f"{simulator(faults={'429': 1.0})}/v1",
        }
        yield running.enter_context(running_proxy(tmp_path_factory.mktemp("litellm"), upstream))


@pytest.fixture(autouse=True)
def user(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Somebody whose environment names the proxy and nothing else, in a folder of their own."""
    for entry in PROVIDERS.values():
        for name in (*entry.key_variables, entry.url_variable):
            monkeypatch.delenv(name, raising=False)
    for name in ("MINFERENCE_SIMULATOR", "MINFERENCE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_ENDPOINT", f"{proxy.url}/v1")
    monkeypatch.setenv("LITELLM_API_KEY", MASTER_KEY)
    monkeypatch.chdir(tmp_path)
    said = proxy.log.stat().st_size
    with EntityRegistry().active():
        yield
    CallableRegistry.clear()
    sys.stdout.write(proxy.log.read_bytes()[said:].decode(errors="replace"))  # pytest shows it with a failure


def thread(
    model: str, *, form: str = "text", message: str = "Why is the sea salty?", **more: Any
) -> ChatThread:
    return ChatThread(
        llm_config=LLMConfig(client="litellm", model=model, response_format=form, max_tokens=200),
        system_prompt=SystemPrompt(content="Be brief."),
        new_message=message,
        **more,
    )


def ask(proxy: Proxy, model: str, *, key: str | None = MASTER_KEY) -> httpx.Response:
    """One plain request, with nothing of ours between."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    body = {"model": model, "messages": [{"role": "user", "content": "Why is the sea salty?"}]}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(f"{proxy.url}/v1/chat/completions", headers=headers, json=body)


def run(*threads: ChatThread) -> list[ProcessedOutput]:
    """As the environment says it, with no pace to keep."""
    unlimited = RequestLimits(max_requests_per_minute=None, max_tokens_per_minute=None, provider="litellm")
    return InferenceOrchestrator(litellm_request_limits=unlimited).run(threads)


def double(x: int) -> int:
    """Twice a number."""
    return 2 * x


# ── On the wire: what our adapter stands on ──────────────────────────────────


def test_an_answer_says_in_its_headers_what_it_cost_and_which_deployment_gave_it(proxy: Proxy) -> None:
    mocked, forwarded, refused = (ask(proxy, model) for model in ("says-salt", "simulated", "told-to-wait"))

    assert [answer.status_code for answer in (mocked, forwarded, refused)] == [200, 200, 429]
    assert float(mocked.headers["x-litellm-response-cost"]) == float(MOCKED_COST)
    assert float(forwarded.headers["x-litellm-response-cost"]) > 0
    assert float(refused.headers["x-litellm-response-cost"]) == 0
    assert mocked.headers["x-litellm-model-id"] != forwarded.headers["x-litellm-model-id"]
    assert forwarded.headers["llm_provider-server"] == "minference-simulator"
    # What the provider advises is passed on under another name, and under no other.
    assert refused.headers["llm_provider-retry-after-ms"] == "200"
    assert not {"retry-after", "retry-after-ms"} & refused.headers.keys()


def test_an_error_says_its_status_as_text_and_little_else(proxy: Proxy) -> None:
    said = {
        ("says-salt", None): (401, "auth_error"),
        ("says-salt", "sk-nobody"): (400, "no_db_connection"),  # it would look the key up
        ("nobody-serves-this", MASTER_KEY): (400, "invalid_request_error"),
        ("too-fast", MASTER_KEY): (429, "throttling_error"),
        ("too-long", MASTER_KEY): (400, "invalid_request_error"),
        ("filtered", MASTER_KEY): (400, "invalid_request_error"),
        ("late", MASTER_KEY): (408, "invalid_request_error"),
        ("broken", MASTER_KEY): (500, "internal_server_error"),
        ("out-of-money", MASTER_KEY): (429, "throttling_error"),
    }
    for (model, key), (status, kind) in said.items():
        answer = ask(proxy, model, key=key)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (status, kind, str(status)), model
        assert error["message"], model


# ── The library ──────────────────────────────────────────────────────────────


def test_text_json_and_thinking_arrive_with_their_usage() -> None:
    schema = StructuredTool(name="rate", json_schema=SCORE)
    chats = [
        thread("says-salt"),
        thread("says-why"),
        thread("simulated"),
        thread("simulated-claude"),
        *(
            thread(model, form="structured_output", forced_output=schema)
            for model in ("says-json", "simulated")
        ),
    ]

    salt, why, simulated, claude, *rated = run(*chats)

    assert [out.error for out in (salt, why, simulated, claude, *rated)] == [None] * 6
    assert salt.content == chats[0].history[-1].content == "Rivers carry the salt."
    assert (why.content, why.reasoning) == ("Salt.", "Rivers carry it.")
    assert simulated.content
    assert claude.content
    assert rated[0].json_object is not None
    assert (rated[0].json_object.name, rated[0].json_object.object) == ("rate", {"score": 3})
    assert rated[1].json_object is not None
    assert isinstance(rated[1].json_object.object["score"], int)
    counted = [out.usage for out in (salt, why, simulated, claude)]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in counted[:2] if usage] == [
        MOCKED_USAGE,
        (7, 5),
    ]
    for usage in counted:
        assert usage is not None
        assert usage.prompt_tokens
        assert usage.completion_tokens
        assert usage.provider_cost_usd


def test_a_forced_tool_is_called_and_its_result_is_in_the_thread() -> None:
    tool = CallableTool.from_callable(double)
    chats = [thread(model, form="tool", forced_output=tool) for model in ("calls-double", "simulated")]

    outputs = run(*chats)

    for chat, out in zip(chats, outputs, strict=True):
        assert out.error is None
        assert out.json_object is not None
        assert out.json_object.name == "double"
        called, result = chat.history[-2:]
        assert isinstance(x := out.json_object.object["x"], int)
        assert json.loads(result.content) == {"result": 2 * x}
        assert result.oai_tool_call_id == called.oai_tool_call_id == out.json_object.tool_call_id
    assert json.loads(chats[0].history[-1].content) == {"result": 42}


def test_a_tool_loop_goes_on_from_the_result_that_the_proxy_passes_on() -> None:
    chat = thread("calls-double", form="auto_tools", tools=[CallableTool.from_callable(double)])
    (called,) = run(chat)

    chat.llm_config = LLMConfig(client="litellm", model="simulated", response_format="text")
    (answered,) = run(chat)

    assert (called.error, answered.error) == (None, None)
    assert [message.role for message in chat.history] == ["user", "assistant", "tool", "assistant"]
    assert json.loads(chat.history[2].content) == {"result": 42}
    assert chat.history[-1].content == answered.content != ""


def test_refusals_that_asking_again_cannot_cure_have_their_class(monkeypatch: pytest.MonkeyPatch) -> None:
    too_long = thread("simulated-small", message="How salty? " * 8_000)
    (out,) = run(too_long)
    assert out.error_class == ErrorClass.CONTEXT_LENGTH
    assert "maximum context length" in (out.error or "")
    assert too_long.new_message is not None

    monkeypatch.delenv("LITELLM_API_KEY")
    refused, not_sent = run(thread("says-salt"), thread("says-json"))
    assert (refused.error_class, not_sent.error_class) == (ErrorClass.AUTH, ErrorClass.AUTH)
    assert "No api key passed in" in (refused.error or "")


@pytest.mark.parametrize(
    ("model", "key", "expected"),
    [
        ("too-long", MASTER_KEY, ErrorClass.CONTEXT_LENGTH),
        ("filtered", MASTER_KEY, ErrorClass.CONTENT_FILTER),
        ("nobody-serves-this", MASTER_KEY, ErrorClass.NOT_FOUND),
        ("says-salt", "sk-nobody-knows-this-key", ErrorClass.AUTH),
    ],
)
def test_what_the_proxy_calls_a_bad_request_is_told_by_its_own_words(
    model: str, key: str, expected: ErrorClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", key)

    (out,) = run(thread(model))

    assert out.error_class == expected


# ── The pipeline and the request files ───────────────────────────────────────


def test_answers_and_refusals_land_in_the_exchanges(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"thread_key": "mocked", "prompt": "Why is the sea salty?", "model": "says-salt"},
        {"thread_key": "two-turns", "user_turns": ["Why is the sea salty?", "Since when?"], "samples": 2},
        {
            "thread_key": "rated",
            "prompt": "How salty is it?",
            "model": "says-json",
            "response_format": "structured_output",
            "output_schema": json.dumps(SCORE),
        },
        {"thread_key": "nobody", "prompt": "Hi", "model": "nobody-serves-this"},
    ]
    defaults = SpecDefaults(client="litellm", model="simulated")
    made = ThroughTheProxy(data=tmp_path / "data", defaults=defaults)
    write_specs(made.specs, rows)

    report = made.run()

    assert (report.sent, sum(report.failures.values())) == (7, 1)
    exchanges = {(row["thread_key"], row["sample"], row["turn"]): row for row in made.exchange_rows()}
    assert len(exchanges) == 7
    refused = exchanges.pop(("nobody", 0, 1))
    assert (refused["status_code"], "Invalid model name" in refused["error_message"]) == (400, True)
    for row in exchanges.values():
        assert (row["client"], row["status_code"], row["error_class"]) == ("litellm", 200, None)
        assert row["resolved_model"] == row["model"]
        assert row["prompt_tokens"] > 0
        assert row["provider_cost_usd"] > 0
    mocked = exchanges["mocked", 0, 1]
    assert (mocked["provider_cost_usd"], mocked["cost_usd"]) == (MOCKED_COST, None)
    assert (mocked["prompt_tokens"], mocked["completion_tokens"]) == MOCKED_USAGE
    assert "Rivers carry the salt." in mocked["response_body"]
    assert made.plan().answered == 4


def test_a_request_file_gets_every_answer_and_every_failure_by_its_class(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "Why is the sea salty?"}], "max_tokens": 50}
    failing = {"too-fast": "rate_limit", "late": "timeout", "broken": "server"}
    lines: list[Any] = [
        [{"id": model}, {"model": model, **chat}] for model in ("says-salt", "simulated", *failing)
    ]
    lines.append([{"id": "vector"}, {"model": "simulated-embeddings", "input": "salt", "dimensions": 3}])
    claude = {"custom_id": "claude", "method": "POST", "url": "/v1/messages"}
    lines.append({**claude, "body": {"model": "simulated-claude", **chat}})
    Path("in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    code, out = asked_by_command("in.jsonl", "out.jsonl", "--client", "litellm", "--max-attempts", "1")

    assert code == 1, out
    assert "4 of 7 lines answered, 3 failed" in out
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    answers = {line[0]["id"]: line[2] for line in found if isinstance(line, list)}
    assert {name: answers[name]["error_class"] for name in failing} == failing
    assert {name: answers[name]["body"]["error"]["code"] for name in failing} == {
        "too-fast": "429",
        "late": "408",
        "broken": "500",
    }
    assert answers["says-salt"]["choices"][0]["message"]["content"] == "Rivers carry the salt."
    assert answers["simulated"]["choices"][0]["message"]["content"]
    assert len(answers["vector"]["data"][0]["embedding"]) == 3
    (batch,) = (line for line in found if isinstance(line, dict))
    assert batch["error"] is None
    assert batch["response"]["body"]["content"][0]["text"]


def test_an_upstream_account_without_money_is_not_asked_again_and_again() -> None:
    line = [{}, {"model": "out-of-money", "messages": [{"role": "user", "content": "Hi"}]}]
    Path("in.jsonl").write_text(json.dumps(line) + "\n")

    code, out = asked_by_command("in.jsonl", "out.jsonl", "--client", "litellm", "--max-attempts", "1")

    assert code == 1
    assert "1 quota" in out


def asked_by_command(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "minference_assets.cli", "requests", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
