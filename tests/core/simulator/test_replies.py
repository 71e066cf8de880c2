"""What the model says, and how many tokens it takes for it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.simulator.replies import reply_text
from minference_core.simulator.tokens import count_tokens, cut


def test_lengths_are_spread_from_a_few_words_to_over_a_hundred() -> None:
    lengths = [
        len(reply_text(Random(n), "How do glaciers carve valleys over time?").split()) for n in range(500)
    ]

    assert 4 <= min(lengths) <= 8
    assert 90 <= max(lengths) <= 135
    assert len({length // 20 for length in lengths}) >= 5


def test_answers_are_varied() -> None:
    assert len({reply_text(Random(n), "How do glaciers carve valleys?") for n in range(500)}) > 400


@pytest.mark.parametrize(
    "topic", ["", "?!", "{a} {0} %s", "🙂🙂", "ὁ βίος βραχύς", "日本語の質問です", "a\x00b"]
)
def test_any_topic_gets_an_answer(topic: str) -> None:
    for n in range(50):
        assert reply_text(Random(n), topic, earlier=topic).encode()


@given(st.text())
def test_nothing_weighs_nothing_and_anything_weighs_something(text: str) -> None:
    assert (count_tokens(text) == 0) == (text == "")


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_a_cut_text_is_a_beginning_within_its_limit(text: str, tokens: int) -> None:
    shorter = cut(text, tokens)

    assert text.startswith(shorter)
    assert count_tokens(shorter) <= tokens
    assert shorter == text or count_tokens(text) > tokens
