"""InferenceOrchestrator over a socket: groups M, N and P of what the original library offers."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, SecretStr

from minference_core.engine import Lane, LaneLimits
from minference_core.entities import EntityRegistry
from minference_core.errors import ErrorClass
from minference_core.orchestrator import InferenceOrchestrator, RequestLimits, parse_results_file
from minference_core.providers import PROVIDERS
from minference_core.requests import ProcessedOutput
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, MessageRole, SystemPrompt, Usage
from minference_core.tools import CallableRegistry, CallableTool, StructuredTool
from tests.core.hostile import http, server

Answers = dict[str, Any]
Orchestrated = Callable[..., InferenceOrchestrator]

ALL = ("openai", "anthropic", "vllm", "litellm", "openrouter")
SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer"}},
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    """Each test has its own versions and its own tools."""
    with EntityRegistry().active() as mine:
        yield mine
    CallableRegistry.clear()


@pytest.fixture
def orchestrated(tmp_path: Path) -> Orchestrated:
    """An orchestrator that asks whoever is at `url`, as all five providers."""

    def make(url: str, *, limits: LaneLimits | None = None, key: str | None = "sk-test", **more: Any) -> Any:
        lanes = {
            client: Lane(
                client=client,
                base_url=url if client in ("openai", "anthropic") else f"{url}/{client}",
                api_key=None if key is None else SecretStr(key),
                key_name=entry.key_variables[0],
                key_required=entry.key_required,
                limits=limits or LaneLimits(),
                timeout_s=5.0,
            )
            for client, entry in PROVIDERS.items()
        }
        return InferenceOrchestrator(lanes=lanes, cache_folder=tmp_path / "cache", **more)

    return make


def thread(
    message: str | None = "Hi", *, client: str = "openai", form: str = "text", **fields: Any
) -> ChatThread:
    models = {"anthropic": "claude-haiku-4-5", "openai": "gpt-4.1-mini"}
    config = LLMConfig(client=client, model=models.get(client, "some/model"), response_format=form)
    return ChatThread(llm_config=config, new_message=message, **fields)


def said(chat: ChatThread) -> list[str]:
    return [message.role for message in chat.history]


def versions(chat: ChatThread) -> list[ChatThread]:
    """All versions of a thread, oldest first."""
    return EntityRegistry.get_many(EntityRegistry.get_lineage_ids(chat.lineage_id), ChatThread)


def chat_reply(message: dict[str, Any], finish: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    return http(json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage}))


def calling(*calls: tuple[str, dict[str, Any]]) -> bytes:
    asked = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for n, (name, arguments) in enumerate(calls)
    ]
    return chat_reply({"content": None, "tool_calls": asked}, "tool_calls")


def double(x: int) -> int:
    """Twice a number."""
    return 2 * x


def broken(x: int) -> int:
    """Never works."""
    raise RuntimeError(f"no luck with {x}")


# ── M: the turn loop ─────────────────────────────────────────────────────────


def test_m1_m3_m8_m10_a_turn_moves_the_new_message_into_the_history_and_updates_the_thread_in_place(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    chat = thread("What is DuckDB?", system_prompt=SystemPrompt(content="Be brief."))
    given, live_id = chat.id, chat.live_id

    (out,) = orchestrated(simulator()).run([chat])

    assert out.error is None
    assert chat.new_message is None
    assert [(m.role, m.content) for m in chat.history] == [
        (MessageRole.user, "What is DuckDB?"),
        (MessageRole.assistant, out.content),
    ]
    assert chat.history[1].usage is not None
    assert chat.history[1].usage == out.usage
    assert chat.live_id == live_id
    # as given, with the user's message, with the reply
    assert [len(version.history) for version in versions(chat)] == [0, 1, 2]
    assert chat.old_ids[0] == given


def test_m2_without_a_message_a_thread_fails_alone_and_runs_once_it_has_one(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    bad, good = thread(None), thread("Hi")
    orchestrator = orchestrated(simulator())

    outputs = orchestrator.run([bad, good])

    assert [out.error_class for out in outputs] == [ErrorClass.BAD_REQUEST, None]
    assert "new_message" in (outputs[0].error or "")
    bad.new_message = "Now"
    assert orchestrator.run([bad])[0].error is None


def test_m2_tool_loops_go_on_without_a_message(orchestrated: Orchestrated) -> None:
    chat = thread(form="auto_tools", tools=[CallableTool.from_callable(double)])
    answers = iter([calling(("double", {"x": 4})), chat_reply({"content": "It is 8."})])

    with server(lambda _: next(answers)) as (url, bodies):
        orchestrator = orchestrated(url)
        orchestrator.run([chat])
        (out,) = orchestrator.run([chat])

    assert out.content == "It is 8."
    assert said(chat) == ["user", "assistant", "tool", "assistant"]
    assert [m["role"] for m in json.loads(bodies[1])["messages"]] == ["user", "assistant", "tool"]


def test_m4_a_call_of_a_function_and_one_of_a_schema_each_have_their_result_in_the_thread(
    orchestrated: Orchestrated,
) -> None:
    function = thread(form="tool", forced_output=CallableTool.from_callable(double))
    schema = thread(form="tool", forced_output=StructuredTool(name="rate", json_schema=SCORE))

    def answer(body: bytes) -> bytes:
        return calling(("double", {"x": 21})) if b"double" in body else calling(("rate", {"score": 3}))

    with server(answer) as (url, _):
        outputs = orchestrated(url).run([function, schema])

    assert [out.error for out in outputs] == [None, None]
    assert json.loads(function.history[-1].content) == {"result": 42}
    assert json.loads(schema.history[-1].content) == {
        "status": "validated",
        "message": "Schema validation successful",
    }
    called, result = function.history[1:]
    assert (called.tool_name, called.tool_call, called.tool_type) == ("double", {"x": 21}, "Callable")
    assert result.oai_tool_call_id == called.oai_tool_call_id == "call_0"
    assert result.get_tool() == function.forced_output
    assert outputs[1].json_object is not None
    assert (outputs[1].json_object.name, outputs[1].json_object.object) == ("rate", {"score": 3})


def test_m4_a_tool_that_raises_and_a_call_that_does_not_fit_are_results_the_model_sees(
    orchestrated: Orchestrated,
) -> None:
    raising = thread(form="tool", forced_output=CallableTool.from_callable(broken))
    invalid = thread(form="tool", forced_output=StructuredTool(name="rate", json_schema=SCORE))

    def answer(body: bytes) -> bytes:
        return calling(("broken", {"x": 1})) if b"broken" in body else calling(("rate", {"score": "high"}))

    with server(answer) as (url, _):
        outputs = orchestrated(url).run([raising, invalid])

    assert outputs[0].error is None  # the reply was what was asked for
    assert "no luck with 1" in json.loads(raising.history[-1].content)["error"]
    assert outputs[1].error_class == ErrorClass.INVALID_OUTPUT
    assert '"high" is not of type "integer"' in (outputs[1].error or "")
    assert [raising.history[-1].is_error, invalid.history[-1].is_error] == [True, True]


def test_m5_a_workflow_advances_by_a_call_that_worked_and_by_nothing_else(orchestrated: Orchestrated) -> None:
    tools = [CallableTool.from_callable(double), CallableTool.from_callable(broken)]
    chat = thread(form="workflow", tools=tools, max_repairs=0)
    answers = iter(
        [
            calling(("double", {"x": "many"})),  # arguments that do not fit
            chat_reply({"content": "I would rather talk."}),  # no call
            calling(("double", {"x": 1})),
            calling(("broken", {"x": 1})),  # raises
        ]
    )
    steps = []
    with server(lambda _: next(answers)) as (url, bodies):
        orchestrator = orchestrated(url)
        for _ in range(4):
            orchestrator.run([chat])
            steps.append(chat.workflow_step)

    assert steps == [0, 0, 1, 1]
    forced = [json.loads(body)["tool_choice"]["function"]["name"] for body in bodies]
    assert forced == ["double", "double", "double", "broken"]
    assert [len(json.loads(body)["tools"]) for body in bodies] == [1, 1, 1, 1]


def test_an_invalid_reply_is_told_to_the_model_which_is_asked_again_in_the_same_call(
    orchestrated: Orchestrated,
) -> None:
    answers = iter([chat_reply({"content": '{"score": "ten"}'}), chat_reply({"content": '{"score": 10}'})])
    chat = thread(form="structured_output", forced_output=StructuredTool(json_schema=SCORE))
    with server(lambda _: next(answers)) as (url, bodies):
        (out,) = orchestrated(url).run([chat])

    assert (out.error, out.repairs, out.json_object and out.json_object.object) == (None, 1, {"score": 10})
    assert said(chat) == ["user", "assistant", "user", "assistant"]
    assert chat.history[2].content.startswith('That cannot be used: "ten" is not of type "integer"')
    assert len(chat.get_all_usages()) == len(bodies) == 2
    assert out.cost_usd == pytest.approx(2 * (5 * 0.4 + 3 * 1.6) / 1e6)


def test_each_reply_of_a_turn_is_counted_once_in_its_cost_and_the_history_stays_left_out(
    orchestrated: Orchestrated,
) -> None:
    schema = StructuredTool(json_schema=SCORE)
    earlier = [
        ChatMessage(role="user", content="Before."),
        ChatMessage(role="assistant", content="Long ago."),
    ]
    chat = thread("Score!", form="structured_output", forced_output=schema, max_repairs=3)
    alone = thread(
        "Score!", form="structured_output", forced_output=schema, history=earlier, use_history=False
    )
    with server(lambda _: chat_reply({"content": "ten"})) as (url, bodies):
        (out,) = orchestrated(url).run([chat])
        orchestrated(url).run([alone])

    assert (out.repairs, len(bodies)) == (3, 6)
    assert out.cost_usd == pytest.approx(4 * (5 * 0.4 + 3 * 1.6) / 1e6)
    repair = json.loads(bodies[-1])["messages"]
    assert [message["content"].split(":")[0] for message in repair] == [
        "Score!",
        "ten",
        "That cannot be used",
    ]


def test_without_repairs_left_an_invalid_reply_is_the_outcome(orchestrated: Orchestrated) -> None:
    schema = StructuredTool(json_schema=SCORE)
    once = thread(form="structured_output", forced_output=schema, max_repairs=0)
    twice = thread(form="structured_output", forced_output=schema)
    with server(lambda _: chat_reply({"content": "ten"})) as (url, bodies):
        outs = orchestrated(url).run([once, twice])

    assert [(out.error_class, out.repairs) for out in outs] == [
        (ErrorClass.INVALID_OUTPUT, n) for n in (0, 1)
    ]
    assert len(bodies) == 3


def test_m5_a_finished_workflow_is_complete_and_no_error(orchestrated: Orchestrated) -> None:
    chat = thread(form="workflow", tools=[CallableTool.from_callable(double)])
    with server(lambda _: calling(("double", {"x": 2}))) as (url, bodies):
        orchestrator = orchestrated(url)
        orchestrator.run([chat])
        (out,) = orchestrator.run([chat])

    assert chat.workflow_step == 1
    assert (out.error, out.content) == (None, None)
    assert len(bodies) == 1
    assert chat.reset_workflow_step().workflow_step == 0


def test_m6_p5_auto_tools_loops_run_side_by_side_until_their_stop_tool_is_called(
    orchestrated: Orchestrated,
) -> None:
    def stop(why: str) -> str:
        """End."""
        return why

    tools = [CallableTool.from_callable(double), CallableTool.from_callable(stop)]
    chats = [thread(f"Chat {n}", form="auto_tools", tools=tools) for n in range(4)]

    def answer(body: bytes) -> bytes:
        turns = sum(m["role"] == "tool" for m in json.loads(body)["messages"])
        return calling(("double", {"x": turns})) if turns < 3 else calling(("stop", {"why": "done"}))

    async def loop(orchestrator: InferenceOrchestrator, chat: ChatThread) -> int:
        for step in range(10):
            (out,) = await orchestrator.run_parallel_ai_completion([chat])
            if out.json_object and out.json_object.name == "stop":
                return step
            chat.new_message = "Continue with the next step."
        raise AssertionError("never stopped")

    async def all_loops(orchestrator: InferenceOrchestrator) -> list[int]:
        return await asyncio.gather(*(loop(orchestrator, chat) for chat in chats))

    with server(answer) as (url, _):
        steps = asyncio.run(all_loops(orchestrated(url)))

    assert steps == [3, 3, 3, 3]
    assert [json.loads(m.content)["result"] for m in chats[0].history if m.role == "tool"] == [
        0,
        2,
        4,
        "done",
    ]


def test_m7_all_calls_of_a_reply_run_at_once_and_their_results_are_in_order(
    orchestrated: Orchestrated,
) -> None:
    def slow(x: int) -> int:
        """Take a while."""
        time.sleep(0.4)
        return x

    async def waiting(x: int) -> int:
        """Take a while, without a thread."""
        await asyncio.sleep(0.4)
        return x

    tools = [CallableTool.from_callable(slow), CallableTool.from_callable(waiting)]
    chats = [thread(f"{n}", form="auto_tools", tools=tools) for n in range(3)]
    reply = calling(("slow", {"x": 1}), ("nobody", {}), ("waiting", {"x": 2}), ("slow", {"x": 3}))

    with server(lambda _: reply) as (url, _):
        started = time.monotonic()
        orchestrated(url).run(chats)
        seconds = time.monotonic() - started

    assert seconds < 2.0  # one after the other they take 3.6
    for chat in chats:
        results = chat.history[2:]
        assert [m.oai_tool_call_id for m in results] == ["call_0", "call_1", "call_2", "call_3"]
        assert [json.loads(m.content).get("result") for m in results] == [1, None, 2, 3]
        assert "there is no tool nobody" in results[1].content


def test_m9_an_outcome_names_the_version_that_was_sent_and_the_warm_thread(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    chat = thread("Hi")
    (out,) = orchestrated(simulator()).run([chat])

    sent = EntityRegistry.get(out.chat_thread_id, ChatThread)
    assert sent is not None
    assert said(sent) == ["user"]
    assert out.chat_thread_id == chat.parent_id == out.raw_output.chat_thread_id
    assert out.chat_thread_live_id == chat.live_id


# ── N: the orchestrator ──────────────────────────────────────────────────────


def test_n1_n2_limits_have_the_originals_defaults() -> None:
    orchestrator = InferenceOrchestrator()

    assert (RequestLimits().max_requests_per_minute, RequestLimits().max_tokens_per_minute) == (50, 100_000)
    assert RequestLimits().provider == "openai"
    assert {
        client: (limits.max_requests_per_minute, limits.max_tokens_per_minute)
        for client, limits in orchestrator.request_limits.items()
    } == {
        "openai": (500, 200_000),
        "anthropic": (50, 40_000),
        "vllm": (500, 200_000),
        "litellm": (500, 200_000),
        "openrouter": (50, 40_000),
    }
    assert orchestrator.local_cache is True


def test_n2_a_limit_holds_over_all_runs_of_an_orchestrator(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    orchestrator = orchestrated(simulator(), limits=LaneLimits(requests_per_minute=120))

    started = time.monotonic()
    for n in range(5):
        assert orchestrator.run([thread(f"{n}")])[0].error is None

    assert time.monotonic() - started > 1.6  # 2 a second: the fifth leaves 2 s after the first


def test_n3_n5_keys_are_the_environments_and_a_missing_one_is_named_for_the_threads_that_need_it(
    simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = simulator()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINFERENCE_SIMULATOR", raising=False)
    for entry in PROVIDERS.values():
        for name in (*entry.key_variables, entry.url_variable):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VLLM_ENDPOINT", f"{url}/vllm/v1/chat/completions")
    (tmp_path / ".env").write_text(f"OPENAI_KEY=sk-from-file\nOPENAI_BASE_URL={url}\n")
    monkeypatch.setattr(os, "environ", os.environ.copy())

    chats = [thread("Hi", client=client) for client in ("openai", "anthropic", "vllm", "openrouter")]
    outputs = InferenceOrchestrator().run(chats)

    assert [out.error_class for out in outputs] == [None, ErrorClass.AUTH, None, ErrorClass.AUTH]
    assert "ANTHROPIC_API_KEY" in (outputs[1].error or "")
    assert "OPENROUTER_API_KEY" in (outputs[3].error or "")
    assert chats[1].new_message == "Hi"  # as it was, to be run again
    assert said(chats[1]) == []


def test_n6_outcomes_come_in_the_order_of_the_threads_one_for_each_and_the_list_is_untouched(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    chats = [thread(f"Question {n}", client=ALL[n % 5]) for n in range(60)]
    chats[7] = thread(None)
    chats[20] = thread("x", form="tool")  # no tool
    listed = list(chats)

    outputs = orchestrated(simulator(latency_ms=5, latency_jitter=0.9, faults={"500": 0.1})).run(chats)

    assert len(outputs) == 60
    assert all(a is b for a, b in zip(chats, listed, strict=True))
    assert [n for n, out in enumerate(outputs) if out.error] == [7, 20]
    assert all(out.llm_client == chat.llm_config.client for out, chat in zip(outputs, chats, strict=True))
    for chat, out in zip(chats, outputs, strict=True):
        if out.error is None:
            assert (chat.history[0].content, chat.history[-1].content) == (
                f"Question {chats.index(chat)}",
                out.content,
            )


def test_n6_bad_threads_fail_alone_with_a_reason_and_can_be_run_again(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    no_model = ChatThread(llm_config=LLMConfig(client="openai"), new_message="Hi")
    hot = thread("Hi", client="anthropic")
    hot.llm_config.temperature = 1.7
    edited = thread("Hi")
    edited.history.append("not a message")  # type: ignore[arg-type]
    good = thread("Hi")
    orchestrator = orchestrated(simulator())

    outputs = orchestrator.run([no_model, hot, edited, good])

    assert [bool(out.error) for out in outputs] == [True, True, True, False]
    for out, field in zip(outputs, ("model", "temperature", "history"), strict=False):
        assert field in (out.error or "")
    no_model.llm_config.model = "gpt-4.1-mini"
    hot.llm_config.temperature = 0.7
    edited.history.clear()
    assert [out.error for out in orchestrator.run([no_model, hot, edited])] == [None, None, None]


def test_n6_copies_and_duplicates_are_independent(orchestrated: Orchestrated) -> None:
    chat = thread("Hi")
    copy = EntityRegistry.get(chat.id, ChatThread)
    other = chat.model_copy()
    assert copy is not None
    count = iter(range(100))
    with server(lambda _: chat_reply({"content": f"Answer {next(count)}"})) as (url, bodies):
        outputs = orchestrated(url).run([chat, copy, other, chat])

    assert len(bodies) == 4
    assert len({out.content for out in outputs}) == 4
    assert chat.history[-1].content in (outputs[0].content, outputs[3].content)
    assert (copy.history[-1].content, other.history[-1].content) == (outputs[1].content, outputs[2].content)
    answered = [version for version in versions(chat) if len(version.history) == 2]
    assert len({version.history[-1].content for version in answered}) == 4  # branches of one lineage


def test_n6_an_error_of_the_provider_is_the_outcome_and_leaves_the_thread_as_it_was(
    orchestrated: Orchestrated,
) -> None:
    chat = thread("Hi")
    given = chat.id
    refusal = http(json.dumps({"error": {"message": "no such model"}}), status="404 Not Found")
    with server(lambda _: refusal) as (url, _):
        (out,) = orchestrated(url).run([chat])

    assert out.error_class == ErrorClass.NOT_FOUND
    assert "no such model" in (out.error or "")
    assert out.raw_output.raw_result == {"error": {"message": "no such model"}}
    assert (chat.id, chat.new_message, chat.history) == (given, "Hi", [])


def test_n6_providers_run_side_by_side(simulator: Callable[..., str], orchestrated: Orchestrated) -> None:
    chats = [thread(client=client) for client in ALL]
    orchestrator = orchestrated(simulator(latency_ms=500))
    started = time.monotonic()
    outputs = orchestrator.run(chats)

    assert time.monotonic() - started < 1.5
    assert [out.llm_client for out in outputs] == list(ALL)


def test_n7_journals_stay_with_the_cache_and_go_without_it_and_hold_no_key(
    simulator: Callable[..., str], orchestrated: Orchestrated, tmp_path: Path
) -> None:
    url = simulator()
    kept = orchestrated(url, key="sk-a-secret-of-mine")
    kept.run([thread("Hi")])
    orchestrated(url, local_cache=False).run([thread("Hi")])

    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != ".lock"]
    assert [path for path in files if kept.journal_folder in path.parents] == files
    assert len(files) == 1
    assert "sk-a-secret" not in files[0].read_text()


def test_n8_the_outcomes_of_a_journal_and_of_the_originals_files_can_be_read_back(
    simulator: Callable[..., str], orchestrated: Orchestrated, tmp_path: Path
) -> None:
    orchestrator = orchestrated(simulator())
    chats = [thread("Hi"), thread("Hi", client="anthropic")]
    outputs = orchestrator.run(chats)
    (journal,) = orchestrator.journal_folder.rglob("*.jsonl")

    again = parse_results_file(journal)

    assert {(out.content, out.chat_thread_id) for out in again} == {
        (out.content, out.chat_thread_id) for out in outputs
    }
    assert [out.raw_output.contains_object for out in again] == [False, False]
    of_the_original = tmp_path / "openai_results.jsonl"
    metadata = {
        "chat_thread_id": str(outputs[0].chat_thread_id),
        "chat_thread_live_id": str(outputs[0].chat_thread_live_id),
        "start_time": 1.0,
        "end_time": 3.5,
        "total_time": 2.5,
    }
    line = [metadata, outputs[0].raw_output.completion_kwargs, outputs[0].raw_output.raw_result]
    of_the_original.write_text(json.dumps(line) + "\n")
    (out,) = parse_results_file(of_the_original, "openai")
    assert (out.content, out.time_taken) == (outputs[0].content, 2.5)
    of_the_original.write_text("{}\n")
    with pytest.raises(ValueError, match="line 1"):
        parse_results_file(of_the_original, "openai")


def test_threads_of_a_program_may_share_an_orchestrator(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    orchestrator = orchestrated(simulator(latency_ms=20))
    found: list[ProcessedOutput] = []

    def work(n: int) -> None:
        found.extend(orchestrator.run([thread(f"{n}-{k}") for k in range(5)]))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [out.error for out in found] == [None] * 20


def test_the_synchronous_call_works_where_a_loop_is_running(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    orchestrator = orchestrated(simulator())

    async def in_a_notebook() -> list[ProcessedOutput]:
        return orchestrator.run([thread("Hi")])

    (out,) = asyncio.run(in_a_notebook())
    assert EntityRegistry.has_entity(out.chat_thread_id)  # the task's own registry was used there, too


def test_a_cancelled_run_keeps_what_was_on_its_way(orchestrated: Orchestrated) -> None:
    chats = [thread(f"{n}") for n in range(6)]

    def slowly(_: bytes) -> bytes:
        time.sleep(0.4)
        return chat_reply({"content": "Yes."})

    with server(slowly) as (url, bodies):
        orchestrator = orchestrated(url, max_in_flight=2)

        async def cut_short() -> None:
            running = asyncio.create_task(orchestrator.run_parallel_ai_completion(chats))
            while len(bodies) < 2:  # noqa: ASYNC110 (they come from another thread)
                await asyncio.sleep(0.01)
            running.cancel()
            await running

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cut_short())

        assert [len(chat.history) for chat in chats] == [2, 2, 0, 0, 0, 0]
        assert [out.error for out in orchestrator.run(chats[2:])] == [None] * 4


def test_a_progress_bar_is_drawn_on_a_terminal_and_nothing_elsewhere(
    simulator: Callable[..., str],
    capfd: pytest.CaptureFixture[str],
    orchestrated: Orchestrated,
    tmp_path: Path,
) -> None:
    url = simulator()
    orchestrated(url).run([thread("Hi")])
    assert capfd.readouterr() == ("", "")

    program = """
from minference_core import ChatThread, InferenceOrchestrator, LLMConfig
chat = ChatThread(llm_config=LLMConfig(client="openai", model="gpt-4.1-mini"), new_message="Hi")
InferenceOrchestrator().run([chat])
"""
    ours, theirs = pty.openpty()
    env = {**os.environ, "MINFERENCE_SIMULATOR": url, "TERM": "xterm", "COLUMNS": "100"}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, stderr=theirs, check=True)
    os.close(theirs)
    assert "1/1" in os.read(ours, 65_536).decode()
    os.close(ours)


# ── P: what people do with it ────────────────────────────────────────────────


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize("form", ["tool", "structured_output", "json_beg"])
def test_p1_p4_two_turns_with_a_schema_on_each_provider(
    client: str, form: str, simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    chat = thread(
        "Rate it.", client=client, form=form, forced_output=StructuredTool(name="rate", json_schema=SCORE)
    )
    orchestrator = orchestrated(simulator())

    for message in ("Rate it.", "And now?"):
        chat.new_message = message
        (out,) = orchestrator.run([chat])
        assert out.error is None
        assert out.json_object is not None

    assert sum(m.role == "assistant" for m in chat.history) == 2
    assert EntityRegistry.get_lineage_mermaid(chat.lineage_id).startswith("```mermaid\ngraph TD")


def test_p2_a_long_conversations_usages_can_be_had_from_the_thread_and_from_the_registry(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    chat = thread("Übersetze: " + "長い文章 🙂 " * 3_000)
    orchestrator = orchestrated(simulator())
    orchestrator.run([chat])
    chat.new_message = "Noch einmal."
    orchestrator.run([chat])

    assert [usage.prompt_tokens > 1_000 for usage in chat.get_all_usages()] == [True, True]  # type: ignore[operator]
    assert len(EntityRegistry.list_by_type(Usage)) == 2


def test_p3_reasoning_is_kept_apart_from_what_was_said(orchestrated: Orchestrated) -> None:
    chat = thread("Why?", client="openrouter")
    with server(lambda _: chat_reply({"content": "Because.", "reasoning": "Let me think."})) as (url, _):
        (out,) = orchestrated(url).run([chat])

    assert (out.content, out.reasoning) == ("Because.", "Let me think.")
    assert (chat.history[-1].content, chat.history[-1].reasoning) == ("Because.", "Let me think.")


def test_p6_p7_models_in_and_out_and_several_pipelines_at_once(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    class Numbers(BaseModel):
        numbers: list[float]

    class Total(BaseModel):
        total: float

    def keep(data: Numbers) -> Numbers:
        """Keep the positive ones."""
        return Numbers(numbers=[n for n in data.numbers if n > 0])

    def add(data: Numbers) -> Total:
        """Add them up."""
        return Total(total=sum(data.numbers))

    tools = [CallableTool.from_callable(keep), CallableTool.from_callable(add)]
    chats = [thread("Go.", client=client, form="workflow", tools=tools) for client in ALL]
    orchestrator = orchestrated(simulator())

    for _ in tools:
        assert [out.error for out in orchestrator.run(chats)] == [None] * 5

    assert {chat.workflow_step for chat in chats} == {2}
    for chat in chats:
        results = [json.loads(m.content) for m in chat.history if m.role == "tool"]
        assert [sorted(result) for result in results] == [["numbers"], ["total"]]


def test_p10_p11_one_template_is_mapped_over_many_records(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    class Monster(BaseModel):
        name: str
        hit_points: int

    tool = StructuredTool.from_pydantic(Monster)
    templates = [
        thread("", client=client, form="tool", forced_output=tool, use_schema_instruction=True)
        for client in ("openai", "vllm", "anthropic", "openrouter")
    ]
    chats = []
    for record in range(200):
        chat = EntityRegistry.get(templates[record % 4].id, ChatThread)
        assert chat is not None
        chats.append(chat.fork(force=True, new_message=f"Study monster {record}"))

    outputs = orchestrated(simulator(latency_ms=2)).run(chats)

    monsters = [Monster.model_validate(out.json_object.object) for out in outputs if out.json_object]
    assert len(monsters) == 200
    assert [chat.history[0].content for chat in chats] == [f"Study monster {n}" for n in range(200)]
    assert [template.new_message for template in templates] == [""] * 4
    assert all(isinstance(chat.id, UUID) for chat in chats)


def test_whatever_is_answered_is_an_outcome_and_costs_the_others_nothing(orchestrated: Orchestrated) -> None:
    deep = "[" * 400 + "]" * 400
    odd = {
        "deep": chat_reply({"content": deep}),
        "list": http(deep),
        "surrogate": http('{"choices": [{"message": {"content": "\\ud800"}}]}'),
        "number": chat_reply({"content": '{"n": 123456789012345678901234567890}'}),
        "nothing": http(""),
        "calls": chat_reply({"content": None, "tool_calls": [{"function": {"name": 7, "arguments": [1]}}]}),
    }
    chats = [
        thread(word, form=form) for word in (*odd, "fine") for form in ("text", "json_object", "auto_tools")
    ]

    def answer(body: bytes) -> bytes:
        asked = json.loads(body)["messages"][-1]["content"]
        return next(
            (odd[word] for word in odd if asked.startswith(word)), chat_reply({"content": '{"a": 1}'})
        )

    with server(answer) as (url, _):
        outputs = orchestrated(url).run(chats)

    assert len(outputs) == 21
    assert [out.error for out in outputs[-3:]] == [None] * 3
    assert all(out.error is None or out.error_class is not None for out in outputs)


def test_a_stop_lets_an_answer_that_is_paid_for_into_its_thread(orchestrated: Orchestrated) -> None:
    async def slow(x: int) -> int:
        """Take a while."""
        await asyncio.sleep(0.6)
        return x

    chat = thread(form="tool", forced_output=CallableTool.from_callable(slow))
    with server(lambda _: calling(("slow", {"x": 7}))) as (url, bodies):
        orchestrator = orchestrated(url)

        async def cut_short() -> None:
            running = asyncio.create_task(orchestrator.run_parallel_ai_completion([chat]))
            while not bodies:  # noqa: ASYNC110 (they come from another thread)
                await asyncio.sleep(0.01)
            running.cancel()
            await running

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cut_short())

    assert len(bodies) == 1
    assert json.loads(chat.history[-1].content) == {"result": 7}


def test_ctrl_c_ends_a_synchronous_run_and_keeps_what_was_on_its_way(
    simulator: Callable[..., str], tmp_path: Path
) -> None:
    program = """
import os, signal, threading, time
import polars  # whose handler of signals does not wake a thread that waits for a lock
from minference_core import ChatThread, InferenceOrchestrator, LLMConfig
def interrupt():
    while not (os.path.exists("seen.jsonl") and os.path.getsize("seen.jsonl")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
config = LLMConfig(client="openai", model="gpt-4.1-mini")
chats = [ChatThread(llm_config=config, new_message=str(n)) for n in range(30)]
threading.Thread(target=interrupt, daemon=True).start()
try:
    InferenceOrchestrator(max_in_flight=1).run(chats)
except KeyboardInterrupt:
    print(sum(bool(chat.history) for chat in chats))
"""
    log = tmp_path / "seen.jsonl"
    env = {**os.environ, "MINFERENCE_SIMULATOR": simulator(latency_ms=200, log=log)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )

    assert int(done.stdout) == len(log.read_text().splitlines()) < 10
    assert not done.stderr


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, SystemExit, Exception])
def test_whatever_a_tool_raises_is_its_result_and_nobody_elses(
    error: type[BaseException], orchestrated: Orchestrated
) -> None:
    async def wild(x: int) -> int:
        """Raise."""
        raise error("wild")

    tool = CallableTool.from_callable(wild)
    chats = [thread(form="tool", forced_output=tool), thread("fine"), thread("fine")]

    def answer(body: bytes) -> bytes:
        return calling(("wild", {"x": 1})) if b"wild" in body else chat_reply({"content": "ok"})

    with server(answer) as (url, _):
        outputs = orchestrated(url, max_in_flight=1).run(chats)

    assert [out.error for out in outputs] == [None] * 3
    assert chats[0].history[-1].is_error


def test_a_tool_that_hangs_holds_up_nobody(orchestrated: Orchestrated) -> None:
    hang = threading.Event()

    def hangs(x: int) -> int:
        """Never end."""
        hang.wait()
        return x

    tool = CallableTool.from_callable(hangs)
    chats = [thread(form="tool", forced_output=tool) for _ in range(40)]

    def answer(body: bytes) -> bytes:
        return calling(("hangs", {"x": 1})) if b"hangs" in body else chat_reply({"content": "ok"})

    with server(answer) as (url, _):
        started = time.monotonic()
        outputs = orchestrated(url, tool_timeout_s=1.0).run([*chats, thread("fine")])
        seconds = time.monotonic() - started
    hang.set()

    assert seconds < 4
    assert outputs[-1].content == "ok"
    assert all("no result after 1 s" in chat.history[-1].content for chat in chats)


def test_a_tool_cannot_change_what_the_model_said(orchestrated: Orchestrated) -> None:
    def grasping(numbers: dict[str, list[int]]) -> int:
        """Take all."""
        numbers["l"].append(99)
        return len(numbers)

    chat = thread(form="tool", forced_output=CallableTool.from_callable(grasping))
    with server(lambda _: calling(("grasping", {"numbers": {"l": [1]}}))) as (url, _):
        orchestrated(url).run([chat])

    assert chat.history[1].tool_call == {"numbers": {"l": [1]}}


def test_the_calls_of_a_reply_that_was_cut_off_are_not_run(orchestrated: Orchestrated) -> None:
    ran = []

    def step(x: int) -> int:
        """Step."""
        ran.append(x)
        return x

    chat = thread(form="workflow", tools=[CallableTool.from_callable(step)])
    call = {"id": "c", "type": "function", "function": {"name": "step", "arguments": '{"x": 1}'}}
    with server(lambda _: chat_reply({"content": None, "tool_calls": [call]}, "length")) as (url, _):
        (out,) = orchestrated(url).run([chat])

    assert (out.error_class, ran, chat.workflow_step) == (ErrorClass.TRUNCATED, [], 0)


def test_what_cannot_be_sent_or_is_no_thread_costs_the_others_nothing(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    huge = thread("Hi")
    huge.llm_config.extra_body = {"x": 2**70}
    half = thread("a\ud800b")
    cold = thread("Hi").cold_snapshot
    good = thread("Hi")
    orchestrator = orchestrated(simulator())
    assert cold is not None

    outputs = orchestrator.run([huge, half, cold, good])

    assert [out.error_class for out in outputs] == [ErrorClass.BAD_REQUEST] * 3 + [None]
    assert "immutable" in (outputs[2].error or "")
    with pytest.raises(TypeError, match=r"chat_threads\[1\] is not a ChatThread"):
        orchestrator.run([thread("Hi"), None])  # type: ignore[list-item]


def test_requests_at_once_are_limited_over_all_runs_of_a_loop(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    orchestrator = orchestrated(simulator(latency_ms=100), max_in_flight=2)

    async def five_runs() -> None:
        await asyncio.gather(
            *(
                orchestrator.run_parallel_ai_completion([thread(f"{n}-{k}") for k in range(2)])
                for n in range(5)
            )
        )

    started = time.monotonic()
    asyncio.run(five_runs())

    assert time.monotonic() - started > 0.45  # five rounds of two


def test_a_pace_outlives_a_loop_that_did_not_use_it(
    simulator: Callable[..., str], orchestrated: Orchestrated
) -> None:
    orchestrator = orchestrated(simulator(), limits=LaneLimits(requests_per_minute=60))

    started = time.monotonic()
    for n in range(3):
        orchestrator.run([thread(f"{n}")])
        orchestrator.run([])

    assert time.monotonic() - started > 1.7
