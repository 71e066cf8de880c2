"""Messages, configs and threads as values: group F of what the original library offers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from minference_core.entities import EntityRegistry
from minference_core.threads import (
    CalledTool,
    ChatMessage,
    ChatThread,
    Conversation,
    LLMClient,
    LLMConfig,
    MessageRole,
    Reply,
    ResponseFormat,
    SystemPrompt,
    TokenUsage,
    apply,
    next_request,
)
from minference_core.tools import CallableRegistry, CallableTool, StructuredTool

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as mine:
        yield mine
    CallableRegistry.clear()


@pytest.fixture
def tools() -> list[CallableTool]:
    def one(x: int) -> int:
        """One."""
        return x

    def two(x: int) -> int:
        """Two."""
        return x

    return [CallableTool.from_callable(one), CallableTool.from_callable(two)]


def config(**fields: Any) -> LLMConfig:
    return LLMConfig(**{"client": LLMClient.openai, "model": "gpt-4.1-mini", **fields})


def test_f1_the_clients() -> None:
    assert [client.value for client in LLMClient] == [
        "openai", "azure_openai", "anthropic", "vllm", "litellm", "openrouter",
    ]  # fmt: skip
    with pytest.raises(ValidationError, match="OPENAI_BASE_URL"):
        config(client=LLMClient.azure_openai)


def test_f2_f3_the_formats_and_roles() -> None:
    assert {form.value for form in ResponseFormat} == {
        "json_beg", "text", "json_object", "structured_output", "tool", "auto_tools", "workflow",
    }  # fmt: skip
    assert {role.value for role in MessageRole} == {"user", "assistant", "tool", "system"}


def test_f4_a_configs_defaults() -> None:
    plain = LLMConfig(client=LLMClient.openai)

    assert (plain.model, plain.max_tokens, plain.temperature) == (None, 400, 0)
    assert (plain.response_format, plain.use_cache, plain.reasoner) == (ResponseFormat.text, True, False)
    assert (plain.top_p, plain.seed, plain.stop, plain.extra_body) == (None, None, None, None)
    assert (plain.frequency_penalty, plain.presence_penalty, plain.reasoning_effort) == (None, None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"presence_penalty": 3},
        {"frequency_penalty": -3},
        {"reasoning_effort": "extreme"},
        {"temprature": 1},
    ],
)
def test_f4_what_is_out_of_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        config(**fields)


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"client": "anthropic", "response_format": "json_object"}, "structured_output"),
        ({"client": "anthropic", "reasoner": True}, "reasoning_effort"),
        ({"client": "vllm", "reasoner": True}, "reasoning_effort"),
        ({"client": "openrouter", "reasoner": True}, "reasoning_effort"),
    ],
)
def test_f5_what_a_client_cannot_do_is_refused_with_the_remedy(fields: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy):
        config(**fields)


def test_f5_a_config_cannot_be_edited_into_what_its_client_cannot_do() -> None:
    edited = config(client=LLMClient.anthropic)
    with pytest.raises(ValidationError, match="structured_output"):
        edited.response_format = ResponseFormat.json_object

    assert edited.response_format == ResponseFormat.text
    assert edited.has_modifications(EntityRegistry.get(edited.id, LLMConfig)) is False  # type: ignore[arg-type]


def test_f6_a_message_has_the_originals_fields() -> None:
    message = ChatMessage(role=MessageRole.user, content="Hi")

    assert message.is_root
    assert message.get_parent() is None
    assert message.get_tool() is None
    assert message.timestamp == message.created_at
    assert [
        message.author_uuid, message.chat_thread_id, message.parent_message_uuid, message.tool_name,
        message.tool_uuid, message.tool_type, message.oai_tool_call_id, message.tool_json_schema,
        message.tool_call, message.usage,
    ] == [None] * 10  # fmt: skip


def test_f6_messages_go_to_dicts_and_come_back() -> None:
    call = ChatMessage(
        role=MessageRole.assistant,
        content="",
        tool_name="f",
        tool_call={"x": 1},
        oai_tool_call_id="c1",
        more_tool_calls=[CalledTool(call_id="c2", name="g", arguments={})],
    )
    for message in (
        ChatMessage(role=MessageRole.user, content="Hi"),
        ChatMessage(role=MessageRole.tool, content="{}", oai_tool_call_id="c1"),
        call,
    ):
        again = ChatMessage.from_dict(message.to_dict())
        assert again.to_dict() == message.to_dict()
    assert call.to_dict()["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    with pytest.raises(ValueError, match="role and content"):
        ChatMessage.from_dict({"content": "Hi"})


def test_f7_a_system_prompt_is_shared_by_many_threads() -> None:
    prompt = SystemPrompt(name="brief", content="Be brief.")
    threads = [ChatThread(llm_config=config(), system_prompt=prompt) for _ in range(3)]

    prompt.content = "Be very brief."
    for thread in threads:
        EntityRegistry.register(thread)

    assert {thread.system_prompt.content for thread in threads if thread.system_prompt} == {"Be very brief."}
    assert [len(EntityRegistry.get_lineage_ids(thread.lineage_id)) for thread in threads] == [2, 2, 2]
    assert len(EntityRegistry.get_lineage_ids(prompt.lineage_id)) == 2


def test_f8_a_threads_defaults() -> None:
    thread = ChatThread(llm_config=config())

    assert (thread.name, thread.system_prompt, thread.history, thread.new_message) == (None, None, [], None)
    assert thread.prefill == "Here's the valid JSON object response:```json"
    assert thread.postfill == "\n\nPlease provide your response in JSON format."
    assert (thread.use_schema_instruction, thread.use_history) == (False, True)
    assert (thread.forced_output, thread.tools, thread.workflow_step) == (None, [], None)
    with pytest.raises(ValidationError, match="llm_config"):
        ChatThread()  # type: ignore[call-arg]


def test_f8_a_thread_with_a_schema_format_needs_a_schema(tools: list[CallableTool]) -> None:
    for forced in (None, tools[0]):
        with pytest.raises(ValidationError, match="StructuredTool"):
            ChatThread(llm_config=config(response_format="structured_output"), forced_output=forced)


def answered(thread: ChatThread, text: str) -> None:
    """A turn by the rules alone."""
    now = datetime.now(UTC)
    given = thread.cold_snapshot
    assert given is not None
    sent = next_request(Conversation(thread_key="", sample=0, generation=0, thread=given), at=now)
    assert sent is not None
    EntityRegistry.register(sent.thread)
    usage = TokenUsage(prompt_tokens=3, completion_tokens=len(text))
    after = apply(sent, Reply(text=text, finish="stop", usage=usage, model="m"), at=now)
    EntityRegistry.register(after.thread)
    thread.follow(after.thread)


def test_f9_the_messages_of_a_thread_are_a_chain_whose_ids_resolve() -> None:
    given = [
        ChatMessage(role=MessageRole.user, content="a"),
        ChatMessage(role=MessageRole.assistant, content="b"),
    ]
    thread = ChatThread(llm_config=config(), history=given, new_message="c")
    answered(thread, "d")
    thread.fork(new_message="e")
    answered(thread, "f")

    assert [message.content for message in thread.history] == list("abcdef")
    assert thread.history[0].is_root
    for before, message in zip(thread.history, thread.history[1:], strict=False):
        assert message.parent_message_uuid == before.id
        assert message.get_parent() == EntityRegistry.get(before.id)
    for message in thread.history[2:]:
        assert message.chat_thread_id is not None
        first_in = EntityRegistry.get(message.chat_thread_id, ChatThread)
        assert first_in is not None
        assert first_in.lineage_id == thread.lineage_id


def test_f9_messages_are_the_same_entities_in_all_versions_of_their_thread() -> None:
    thread = ChatThread(llm_config=config())
    for n in range(30):
        thread.fork(new_message=f"question {n}")
        answered(thread, f"answer {n}")

    versions = [
        EntityRegistry.get(version, ChatThread)
        for version in EntityRegistry.get_lineage_ids(thread.lineage_id)
    ]
    messages: set[UUID] = {message.id for version in versions if version for message in version.history}
    assert len(versions) == 91  # one, and three a turn
    assert len(messages) == 60


def test_f10_a_workflow_begins_at_its_first_step_and_only_at_one_it_has(tools: list[CallableTool]) -> None:
    def workflow(**fields: Any) -> ChatThread:
        return ChatThread(llm_config=config(response_format="workflow"), **fields)

    assert workflow(tools=tools).workflow_step == 0
    assert workflow(tools=tools, workflow_step=1).workflow_step == 1
    for fields in ({}, {"tools": tools, "workflow_step": 2}, {"tools": tools, "workflow_step": -1}):
        with pytest.raises(ValidationError, match="workflow"):
            workflow(**fields)


def test_f11_tools_are_found_by_name_those_of_the_list_first(tools: list[CallableTool]) -> None:
    forced = StructuredTool(name="rate", json_schema=SCHEMA)
    thread = ChatThread(llm_config=config(), tools=[*tools], forced_output=forced)

    assert thread.get_tool_by_name("two") is thread.tools[1]
    assert thread.get_tool_by_name("rate") is forced
    assert thread.get_tool_by_name("three") is None


def test_f12_usages_are_those_of_the_replies_in_order() -> None:
    thread = ChatThread(llm_config=config(), new_message="a")
    answered(thread, "four")
    thread.fork(new_message="b")
    answered(thread, "seventh")

    assert [usage.completion_tokens for usage in thread.get_all_usages()] == [4, 7]
    assert [usage.total_tokens for usage in thread.get_all_usages()] == [7, 10]


def test_f14_a_workflow_can_begin_again_as_a_new_version(tools: list[CallableTool]) -> None:
    thread = ChatThread(llm_config=config(response_format="workflow"), tools=tools, workflow_step=1)
    before = thread.id

    assert thread.reset_workflow_step() is thread
    assert (thread.workflow_step, thread.parent_id) == (0, before)


def test_edits_made_while_a_thread_was_asked_are_kept() -> None:
    thread = ChatThread(llm_config=config(), new_message="a", name="before")
    given = thread.cold_snapshot
    assert given is not None
    now = datetime.now(UTC)
    sent = next_request(Conversation(thread_key="", sample=0, generation=0, thread=given), at=now)
    assert sent is not None
    after = apply(sent, Reply(text="b", finish="stop"), at=now).thread
    thread.name = "meanwhile"
    thread.new_message = "next"
    thread.history.append(ChatMessage(role=MessageRole.user, content="by the way"))
    thread.follow(after)

    assert (thread.name, thread.new_message, thread.id) == ("meanwhile", "next", after.id)
    assert [message.content for message in thread.history] == ["a", "b", "by the way"]
    assert thread.fork().parent_id == after.id  # and they are the next version
