"""What was redacted is gone for good, wherever the store had it, and everything else is as it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from minference_core.conversations import Scope
from minference_core.entities import EntityRegistry
from minference_core.errors import StoreError
from minference_core.lineage import EntityStore, Made, check_versions, rebuild, redact
from minference_core.specs import SpecDefaults
from minference_core.store import SCHEMAS
from minference_core.store.check import check_published, check_tables
from minference_core.store.place import Place
from minference_core.threads import ChatMessage, ChatThread, GeneratedJsonObject, LLMConfig, SystemPrompt
from tests.conftest import Pipeline
from tests.core.hostile import server
from tests.core.scripted import Asked, Call, model

from .saved import attached, contents, query

Make = Callable[..., Pipeline]
Start = Callable[..., str]

QUESTION, ANSWER, NUMBER = "the-secret-question", "the-secret-answer", 77123456
TOOLS = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="tests.core.shop_tools")
REPLY = "select out_message_id from exchange where out_message_id is not null order by step desc"


def doubles_then_talks(asked: Asked) -> str | list[Call]:
    return ANSWER if asked.results else [("double", {"x": NUMBER})]


@pytest.fixture
def made(pipeline: Make) -> Pipeline:
    """A conversation with a secret in every place: asked, called for, found and answered."""
    row = {"thread_key": "t", "prompt": QUESTION, "response_format": "auto_tools", "tools": ["double"]}
    with server(model(doubles_then_talks)) as (url, _):
        filled = pipeline([row], url=url, defaults=TOOLS)
        filled.run()
    filled.versions()
    filled.store.fold()
    return filled


def one(data: Path, sql: str, *asked: object) -> UUID:
    found = query(data, sql, *asked)[0][0]
    assert isinstance(found, UUID)
    return found


def places(data: Path, text: str) -> set[str]:
    """The tables of both files in which a text is said, and whether its bytes are in one of them."""
    found = set()
    place = Place(data)
    for file in (place.private, place.published):
        if text.encode() in file.read_bytes():
            found.add("bytes")
        with duckdb.connect(str(file), read_only=True) as connection:
            for name in SCHEMAS:
                rows = connection.execute(f"from {name}").fetchall()
                if text in repr(rows):
                    found.add(name)
    return found


def everything_but(rows: dict[str, list[str]], *tables: str) -> dict[str, list[str]]:
    return {name: said for name, said in rows.items() if name not in tables}


def test_a_reply_is_gone_with_the_raw_answer_that_brought_it(made: Pipeline) -> None:
    reply = one(made.data, REPLY)
    before = contents(made.data)
    assert places(made.data, ANSWER) >= {"message_version", "exchange"}

    done = redact(made.data, reply, reason="asked by the person", by="ada")

    assert places(made.data, ANSWER) == set()
    assert {table for table, _ in done.rows} == {"message_version", "exchange"}
    assert (done.still_said, done.partitions, done.of_programs) == ((), (("chat", made.day),), False)
    after = contents(made.data)
    changed = ("message_version", "exchange", "redaction")
    assert everything_but(after, *changed) == everything_but(before, *changed)
    assert query(
        made.data, "select content, lineage_id is not null from message_version where id = ?", reply
    ) == [("[redacted]", True)]
    noted = "select distinct subject_id, redacted_by, reason, redacted_at is not null from redaction"
    assert query(made.data, noted) == [(reply, "ada", "asked by the person", True)]


def test_views_and_macros_show_the_tombstone(made: Pipeline) -> None:
    thread = one(made.data, "select id from thread_current")

    redact(made.data, one(made.data, REPLY), reason="r", by="me")

    said = query(made.data, "select content from transcript(?) order by pos", thread)
    assert said[-1] == ("[redacted]",)
    assert query(made.data, "select messages[-1].content from transcripts") == [("[redacted]",)]
    assert query(made.data, "select sum(completion_tokens) > 0 from usage_daily") == [(True,)]


def test_a_question_is_gone_with_the_versions_that_were_about_to_ask_it(made: Pipeline) -> None:
    question = one(made.data, "select id from message_version where role = 'user'")
    assert "bytes" in places(made.data, QUESTION)

    done = redact(made.data, question, reason="r", by="me")

    assert places(made.data, QUESTION) == set()
    assert {table for table, _ in done.rows} == {"message_version", "thread_version"}


def test_a_call_is_gone_with_its_arguments_and_what_the_tool_was_given(made: Pipeline) -> None:
    call = one(made.data, "select id from message_version where tool_call is not null")
    assert "bytes" in places(made.data, str(NUMBER))

    done = redact(made.data, call, reason="r", by="me")

    assert places(made.data, str(NUMBER)) == set()
    assert {table for table, _ in done.rows} == {"message_version", "exchange", "tool_run"}
    assert query(made.data, "select tool_name, arguments, result from tool_run") == [
        ("double", "{}", '"[redacted]"')
    ]


def test_a_result_is_gone_with_the_run_that_gave_it(made: Pipeline) -> None:
    result = one(made.data, "select id from message_version where role = 'tool'")

    redact(made.data, result, reason="r", by="me")

    assert places(made.data, str(2 * NUMBER)) == set()


def test_a_version_of_a_thread_means_all_that_is_said_in_it(made: Pipeline) -> None:
    thread = one(made.data, "select id from thread_current")

    redact(made.data, thread, reason="r", by="me")

    for text in (QUESTION, ANSWER, str(NUMBER), str(2 * NUMBER)):
        assert places(made.data, text) == set()
    assert query(made.data, "select distinct content from transcript(?)", thread) == [("[redacted]",)]


def test_answers_that_were_taken_over_go_too_and_others_that_say_the_same_are_named(
    pipeline: Make, simulator: Start
) -> None:
    rows = [{"thread_key": f"t{n}", "prompt": "Say hello."} for n in range(3)]
    made = pipeline(rows, url=simulator(), reuse=Scope.PARTITION, simulated=True)
    made.run()
    made.versions()
    made.store.fold()
    taken_over = one(made.data, "select out_message_id from exchange where reused_from is not null")

    done = redact(made.data, taken_over, reason="r", by="me")

    assert sum(table == "exchange" for table, _ in done.rows) == 3
    assert sum(table == "message_version" for table, _ in done.rows) == 3
    assert done.still_said == ()


def test_a_text_that_somebody_else_said_is_named_and_stays(made: Pipeline) -> None:
    with attached(made.data) as registry:
        ChatMessage(role="user", content=f"I heard: {ANSWER}")
        registry.flush()
    EntityStore(made.data).fold()

    done = redact(made.data, one(made.data, REPLY), reason="r", by="me")

    heard = one(made.data, "select id from message_version where content like 'I heard%'")
    assert done.still_said == (("message_version", heard),)


def test_it_stays_redacted_when_its_segment_comes_again_and_in_a_rebuild(made: Pipeline) -> None:
    redact(made.data, one(made.data, REPLY), reason="r", by="me")
    before = contents(made.data)
    parts = [Made(made.source, made.exchanges, made.journal)]

    rebuild(made.data, parts, code_version="1")
    assert contents(made.data) == before

    rebuild(made.data, parts, code_version="another, so that every segment is another")
    made.versions()
    made.store.fold()
    assert places(made.data, ANSWER) == set()
    assert not check_tables(Place(made.data)).problems


def test_a_deep_check_leaves_out_what_cannot_be_hashed(made: Pipeline) -> None:
    redact(made.data, one(made.data, "select id from thread_current"), reason="r", by="me")

    found = check_versions(made.store.published)

    assert found.problems == ()
    assert found.notes == ("5 versions were redacted: what they said cannot be checked",)
    assert not check_published(Place(made.data), whole_rows=True).problems


def test_the_library_still_reads_a_thread_with_a_redacted_message(made: Pipeline) -> None:
    thread, reply = one(made.data, "select id from thread_current"), one(made.data, REPLY)
    redact(made.data, reply, reason="r", by="me")

    with attached(made.data):
        found = EntityRegistry.get(thread)

    assert isinstance(found, ChatThread)
    assert found.id == thread
    assert (found.history[-1].id, found.history[-1].content) == (reply, "[redacted]")


def test_what_a_program_saved_is_redacted_with_the_outputs_it_made(data: Path) -> None:
    with attached(data) as registry:
        prompt = SystemPrompt(content="a-secret-prompt")
        said = ChatMessage(role="assistant", content="a-secret-saying", reasoning="a-secret-thought")
        config = LLMConfig(client="openai", model="gpt-4.1-mini")
        ChatThread(llm_config=config, system_prompt=prompt, history=[said], new_message="Go on.")
        GeneratedJsonObject(name="out", object={"text": "a-secret-saying"})
        registry.flush()
        prompt_id, said_id = prompt.id, said.id
    EntityStore(data).fold()

    done = redact(data, said_id, reason="r", by="me")
    redact(data, prompt_id, reason="r", by="me")

    assert done.of_programs
    for text in ("a-secret-saying", "a-secret-prompt", "a-secret-thought"):
        assert places(data, text) == set()
    with attached(data), pytest.raises(StoreError, match="was redacted: nothing is left"):
        EntityRegistry.get(one(data, "select id from other_version where kind = 'GeneratedJsonObject'"))


def test_what_says_nothing_cannot_be_redacted(made: Pipeline) -> None:
    reply = one(made.data, REPLY)
    config = one(made.data, "select id from llm_config_version")
    redact(made.data, reply, reason="r", by="me")
    before = contents(made.data)

    cases: list[tuple[UUID, str]] = [
        (UUID(int=1), "there is no version"),
        (config, "is a LLMConfig: it says nothing"),
        (reply, "was redacted already"),
    ]
    for version, complaint in cases:
        with pytest.raises(StoreError, match=complaint):
            redact(made.data, version, reason="r", by="me")

    assert contents(made.data) == before


def test_a_redaction_that_was_killed_leaves_nothing_of_the_old_text_after_the_next_fold(
    made: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the new private file and the new published one, which is the worst moment."""
    reply = one(made.data, REPLY)
    with monkeypatch.context() as patch:

        def dies(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr("minference_core.store.fold.publish", dies)
        with pytest.raises(KeyboardInterrupt):
            redact(made.data, reply, reason="r", by="me")
    assert Place(made.data).before.exists()

    made.store.fold()

    assert places(made.data, ANSWER) == set()
    assert sorted(path.name for path in (made.data / ".store").iterdir()) == [
        "fold.lock",
        "published",
        "store.duckdb",
    ]
