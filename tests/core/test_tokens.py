"""What a body is estimated to take, in every wire format."""

from typing import Any

import pytest

from minference_core.requests.tokens import estimate_prompt_tokens, max_output_tokens, weigh

DATA = "iVBORw0KGgo" * 10_000
URI = f"data:image/png;base64,{DATA}"


def words(texts: Any) -> int:
    return sum(len(text.split()) for text in texts)


CHAT = {
    "messages": [
        {"role": "system", "content": "one two"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": URI}},
                                     {"type": "text", "text": "three four"}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "five"},
    ]
}  # fmt: skip
MESSAGES = {
    "system": [{"type": "text", "text": "one two"}],
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": DATA}},
                                     {"type": "text", "text": "three four"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": DATA},
                                          {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "five"}]},
    ],
}  # fmt: skip
RESPONSES = {
    "instructions": "one two",
    "input": [
        {"role": "user", "content": [{"type": "input_image", "image_url": URI},
                                     {"type": "input_text", "text": "three four"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": DATA},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "five"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("body", "messages"), [(CHAT, 4), (MESSAGES, 3), (RESPONSES, 4)])
def test_words_are_counted_and_the_data_of_images_and_seals_is_not(body: Any, messages: int) -> None:
    assert estimate_prompt_tokens(body, words) == 7 + 1600 + 3 * messages + 3


def test_a_picture_is_at_most_what_the_dearest_model_counts_for_one() -> None:
    assert (weigh(CHAT | {"model": "gpt-4.1"}, words).most_prompt or 0) > 16_200
    assert (weigh(CHAT | {"model": "openai/gpt-4o-mini-2024-07-18"}, words).most_prompt or 0) > 48_169


@pytest.mark.parametrize("kind", ["document", "file", "input_file", "input_audio"])
def test_nothing_bounds_what_is_read_of_a_document_or_a_recording(kind: str) -> None:
    weight = weigh({"messages": [{"role": "user", "content": [{"type": kind, kind: {"data": DATA}}]}]}, words)

    assert weight.most_prompt is None
    assert weight.prompt > 1_000


def test_an_input_may_be_one_text() -> None:
    assert estimate_prompt_tokens({"input": "one two"}, words) == 2 + 3 + 3


def test_schemas_and_tools_are_read_too() -> None:
    for field in ("tools", "response_format", "output_config", "text", "structured_outputs"):
        assert estimate_prompt_tokens({"messages": [], field: {"a": 1}}, words) == 1 + 3


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_the_limit_of_a_reply_is_known_by_all_its_names(field: str) -> None:
    assert max_output_tokens({field: 7, "n": 2}) == 14
    assert max_output_tokens({}) == 0
