"""What was wrong with answers, kept while a run goes on."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from minference_core.conversations.findings import NotedFindings
from minference_core.errors import ErrorClass

CONVERSATIONS = [UUID(int=n) for n in range(1, 2_001)]
KEY = UUID(int=1 << 100)
LONG = "the reply is not in the schema: " + "x" * 10_000  # together more than is kept in memory


@pytest.fixture
def noted() -> Iterator[NotedFindings]:
    made = NotedFindings()
    yield made
    made.close()


def test_what_was_noted_is_found_however_much_it_is(noted: NotedFindings) -> None:
    for n, lineage in enumerate(CONVERSATIONS):
        noted.note((lineage, KEY), ErrorClass.INVALID_OUTPUT, f"{n} {LONG}")

    assert len(noted) == len(CONVERSATIONS)
    assert list(noted) == [(lineage, KEY) for lineage in CONVERSATIONS]
    assert noted[CONVERSATIONS[0], KEY] == (ErrorClass.INVALID_OUTPUT, f"0 {LONG}")
    assert noted[CONVERSATIONS[-1], KEY] == (ErrorClass.INVALID_OUTPUT, f"{len(noted) - 1} {LONG}")


@pytest.mark.parametrize("message", [None, "", "half a pair: \ud800", 'two\nlines, "quoted"'])
def test_any_words_come_back_as_they_were(noted: NotedFindings, message: str | None) -> None:
    noted.note((CONVERSATIONS[0], KEY), ErrorClass.REFUSAL, message)
    assert noted[CONVERSATIONS[0], KEY] == (ErrorClass.REFUSAL, message)


def test_a_reply_with_nothing_wrong_is_not_in_it_and_the_last_word_counts(
    noted: NotedFindings,
) -> None:
    noted.note((CONVERSATIONS[0], KEY), None, None)
    assert (CONVERSATIONS[0], KEY) not in noted
    noted.note((CONVERSATIONS[1], KEY), ErrorClass.TRUNCATED, "first")
    noted.note((CONVERSATIONS[1], KEY), ErrorClass.REFUSAL, "then")
    assert dict(noted) == {(CONVERSATIONS[1], KEY): (ErrorClass.REFUSAL, "then")}
