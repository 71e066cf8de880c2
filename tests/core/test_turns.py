from datetime import timedelta
from typing import Any

import pytest

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.threads import (
    ChatMessage,
    ChatThread,
    Conversation,
    LLMConfig,
    Reply,
    apply,
    judge,
    next_request,
)
from minference_core.tools import StructuredTool
from tests.conftest import INSTANT

SCHEMA = {"type": "object", "properties": {"stars": {"type": "integer"}}, "required": ["stars"]}


def said(text: str, role: Any = "user") -> ChatMessage:
    return ChatMessage.cold(
        lineage_id=ids.lineage_id(INSTANT, role, text), created_at=INSTANT, role=role, content=text
    )


def conversation(*turns: str, history: tuple[ChatMessage, ...] = (), schema: bool = False) -> Conversation:
    born: dict[str, Any] = {"lineage_id": ids.lineage_id(INSTANT, "t"), "created_at": INSTANT}
    form = "structured_output" if schema else "text"
    thread = ChatThread.cold(
        **born,
        llm_config=LLMConfig.cold(**born, client="openai", model="m", response_format=form),
        history=history,
        new_message=turns[0] if turns else None,
        forced_output=StructuredTool.cold(**born, json_schema=SCHEMA) if schema else None,
    )
    return Conversation(
        thread_key="t", sample=0, generation=0, thread=thread, upcoming=tuple(said(turn) for turn in turns)
    )


def reply(text: str, finish: Any = "stop") -> Reply:
    return Reply(text=text, finish=finish, finish_reason=finish)


def talk(now: Conversation, *replies: Reply) -> Conversation:
    for n, answer in enumerate(replies):
        ready = next_request(now, at=INSTANT + timedelta(seconds=n))
        assert ready is not None
        now = apply(ready, answer, at=INSTANT + timedelta(seconds=n))
    return now


def test_the_users_message_moves_into_the_history_when_it_is_sent() -> None:
    ready = next_request(conversation("Hello"), at=INSTANT)

    assert ready is not None
    assert [m.content for m in ready.thread.history] == ["Hello"]
    assert (ready.thread.new_message, ready.turn, ready.upcoming) == (None, 1, ())


def test_turns_follow_one_another_until_there_is_nothing_left_to_say() -> None:
    ended = talk(conversation("One", "Two"), reply("1"), reply("2"))

    assert [(m.role, m.content) for m in ended.thread.history] == [
        ("user", "One"), ("assistant", "1"), ("user", "Two"), ("assistant", "2"),
    ]  # fmt: skip
    assert next_request(ended, at=INSTANT) is None
    assert ended.thread.version_no == 5


def test_a_history_that_ends_with_the_user_is_answered_as_it_is() -> None:
    given = conversation(history=(said("Hi"), said("Hello", "assistant"), said("And?")))

    ready = next_request(given, at=INSTANT)

    assert ready is not None
    assert (ready.thread.id, ready.turn) == (given.thread.id, 1)


@pytest.mark.parametrize(
    ("finish", "error"),
    [
        pytest.param("length", ErrorClass.TRUNCATED, id="cut off"),
        pytest.param("refusal", ErrorClass.REFUSAL, id="declined"),
        pytest.param("content_filter", ErrorClass.CONTENT_FILTER, id="withheld"),
    ],
)
def test_a_reply_that_is_no_proper_answer_is_kept_and_ends_the_conversation(
    finish: Any, error: ErrorClass
) -> None:
    ended = talk(conversation("One", "Two"), reply("half an ans", finish))

    assert ended.failed == error
    assert ended.thread.history[-1].content == "half an ans"
    assert next_request(ended, at=INSTANT) is None


@pytest.mark.parametrize("text", ["42", "[1, 2]", '```json\n{"a": 1}\n```', "true"])
def test_a_text_reply_stays_verbatim_even_when_it_looks_like_json(text: str) -> None:
    ended = talk(conversation("One"), reply(text))

    assert (ended.thread.history[-1].content, ended.failed) == (text, None)


def test_a_structured_reply_is_held_against_its_schema() -> None:
    thread = conversation("Rate it", schema=True).thread

    assert judge(thread, reply('{"stars": 4}')).json_object == {"stars": 4}
    assert judge(thread, reply("four stars")).error == ErrorClass.INVALID_OUTPUT
    verdict = judge(thread, reply('{"stars": "four"}'))
    assert (verdict.error, verdict.message) == (
        ErrorClass.INVALID_OUTPUT,
        '"four" is not of type "integer" (at /stars)',
    )


def test_the_same_answers_make_the_same_versions_at_any_time() -> None:
    first = talk(conversation("One", "Two"), reply("1"), reply("2"))
    again = talk(conversation("One", "Two"), reply("1"), reply("2"))
    other = talk(conversation("One", "Two"), reply("1"), reply("zwei"))

    assert first.thread.id == again.thread.id
    assert first.thread.id != other.thread.id
    assert first.thread.lineage_id == other.thread.lineage_id


def test_a_schema_never_reaches_the_network() -> None:
    with pytest.raises(ValueError, match=r"refers to|schema"):
        StructuredTool.cold(
            lineage_id=ids.lineage_id(INSTANT, "s"),
            created_at=INSTANT,
            json_schema={"$ref": "http://127.0.0.1:9/schema.json"},
        )
