from datetime import timedelta

import pytest
from pydantic import ValidationError

from minference_core import ids
from minference_core.errors import ImmutableVersion
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, SystemPrompt
from tests.conftest import INSTANT

LATER = INSTANT + timedelta(seconds=5)


def config(**changes: object) -> LLMConfig:
    fields = {"client": "openai", "model": "gpt-4.1-mini", "lineage_id": ids.lineage_id(INSTANT, "config")}
    return LLMConfig.cold(**{**fields, "created_at": INSTANT, **changes})


def thread(**changes: object) -> ChatThread:
    fields = {"llm_config": config(), "lineage_id": ids.lineage_id(INSTANT, "thread"), "created_at": INSTANT}
    return ChatThread.cold(**{**fields, **changes})


def message(text: str) -> ChatMessage:
    return ChatMessage.cold(
        lineage_id=ids.lineage_id(INSTANT, "m", text), created_at=INSTANT, role="user", content=text
    )


def test_a_change_makes_a_new_version_and_leaves_the_old_one_as_it_was() -> None:
    first = config()

    second = first.evolve(at=LATER, temperature=0.9)

    assert (first.temperature, second.temperature) == (0.0, 0.9)
    assert second.id != first.id
    assert (second.parent_id, second.lineage_id, second.version_no) == (first.id, first.lineage_id, 2)


def test_no_change_is_no_version() -> None:
    first = config()

    assert first.evolve(at=LATER, temperature=0.0) is first


def test_a_bad_change_is_refused() -> None:
    with pytest.raises(ValidationError, match="temperature"):
        config().evolve(at=LATER, temperature=7.0)


def test_a_version_cannot_be_edited_in_place() -> None:
    with pytest.raises(ImmutableVersion, match="immutable"):
        config().temperature = 0.5


def test_time_is_no_part_of_an_id() -> None:
    assert config(created_at=LATER).id == config().id


def test_a_nested_change_is_a_change() -> None:
    plain = thread()
    warmer = thread(llm_config=config(temperature=1.0))
    prompted = thread(
        system_prompt=SystemPrompt.cold(lineage_id=plain.lineage_id, created_at=INSTANT, content="Be.")
    )

    assert len({plain.id, warmer.id, prompted.id}) == 3


def test_a_chain_is_in_order_of_time_even_when_the_clock_went_back() -> None:
    first = thread(created_at=LATER)

    second = first.evolve(at=INSTANT, history=(message("hi"),))

    assert second.created_at == first.created_at
    assert second.version_no == 2


def test_a_field_at_its_default_is_not_in_the_id_so_fields_can_be_added_later() -> None:
    assert set(thread().entity_record) == {"llm_config"}
    assert set(config().entity_record) == {"client", "model"}


def test_a_thread_that_must_answer_in_a_schema_has_one() -> None:
    with pytest.raises(ValidationError, match="forced_output"):
        thread(llm_config=config(response_format="structured_output"))
