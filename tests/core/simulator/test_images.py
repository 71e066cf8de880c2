"""Images, as each API takes them: from the user alone, readable, and counted."""

import base64
from typing import Any

import pytest

from tests.core.simulator.conftest import Asker

DATA = base64.b64encode(b"\x89PNG and so on").decode()
URI = f"data:image/png;base64,{DATA}"
URL = "https://example.com/tide.png"


def chat_messages(url: Any, role: str = "user") -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": url if isinstance(url, dict) else {"url": url}}
    return [
        {"role": role, "content": [{"type": "text", "text": "Look"}, image]},
        {"role": "user", "content": "What?"},
    ]


def response_input(url: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": [{"type": "input_image", "image_url": url, "detail": "auto"}]}]


def claude_messages(source: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "?"}]}]


BASE64 = {"type": "base64", "media_type": "image/png", "data": DATA}


@pytest.mark.parametrize("url", [URL, "http://localhost/x", URI])
def test_an_image_that_can_be_one_is_taken(ask: Asker, url: str) -> None:
    chat = ask.chat(messages=chat_messages(url))
    vllm = ask.chat(path="/vllm/v1/chat/completions", model="any", messages=chat_messages(url))
    responses = ask.responses(input=response_input(url))

    assert [r.status_code for r in (chat, vllm, responses)] == [200, 200, 200]
    assert chat.json()["usage"]["prompt_tokens"] > 255
    assert responses.json()["usage"]["input_tokens"] > 255


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("tide.png", "invalid_value"),
        ("ftp://example.com/x", "invalid_value"),
        ("http://[", "invalid_value"),
        ("data:image/png,abc", "invalid_value"),
        (f"data:text/plain;base64,{DATA}", "invalid_value"),
        (f"data:image/tiff;base64,{DATA}", "invalid_image_format"),
        ("data:image/png;base64,???", "invalid_base64"),
        ("data:image/png;base64,", "invalid_base64"),
    ],
)
def test_openai_refuses_what_is_no_image(ask: Asker, url: str, code: str) -> None:
    chat, responses = ask.chat(messages=chat_messages(url)), ask.responses(input=response_input(url))

    errors = [chat.json()["error"], responses.json()["error"]]
    assert (chat.status_code, responses.status_code) == (400, 400)
    assert [said["code"] for said in errors] == [code, code]
    assert errors[0]["param"] == "messages[0].content[1].image_url.url"
    assert errors[1]["param"] == "input[0].content[0].image_url"


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_openai_takes_images_from_the_user_alone(ask: Asker, role: str) -> None:
    chat, responses = (
        ask.chat(messages=chat_messages(URL, role)),
        ask.responses(input=response_input(URL, role)),
    )

    assert (chat.status_code, responses.status_code) == (400, 400)
    assert f"role '{role}' contains an image URL" in chat.json()["error"]["message"]


def test_each_api_has_its_own_form(ask: Asker) -> None:
    """Chat wants an object with `url` in it, Responses the address itself."""
    chat = ask.chat(messages=chat_messages({"address": URL}))
    bare = ask.chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": URL}]}])
    responses = ask.responses(input=response_input({"url": URL}))

    params = [r.json()["error"]["param"] for r in (chat, bare, responses)]
    assert params == [
        "messages[0].content[1].image_url.url",
        "messages[0].content[0].image_url",
        "input[0].content[0].image_url",
    ]


@pytest.mark.parametrize("source", [BASE64, {"type": "url", "url": URL}])
def test_claude_takes_an_image_and_counts_it(ask: Asker, source: Any) -> None:
    response = ask.claude(messages=claude_messages(source))

    assert response.status_code == 200
    assert response.json()["usage"]["input_tokens"] > 1500


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "messages.0.content.0.source: Input should be a valid dictionary"),
        ({}, "image.source.type: Field required"),
        ({"type": "file", "file_id": "f"}, "Input tag 'file' found using 'type' does not match"),
        ({**BASE64, "media_type": "image/tiff"}, "Input should be 'image/jpeg', 'image/png', 'image/gif' or"),
        ({**BASE64, "data": URI}, "image.source.base64.data: Invalid base64 data"),
        ({"type": "base64", "data": DATA}, "image.source.base64.media_type: Field required"),
        ({"type": "url"}, "image.source.url.url: Field required"),
        ({"type": "url", "url": URI}, "Only HTTPS URLs are supported"),
    ],
)
def test_claude_refuses_what_is_no_image(ask: Asker, source: Any, message: str) -> None:
    response = ask.claude(messages=claude_messages(source))

    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_claude_takes_images_from_the_user_and_in_results_of_tools(ask: Asker) -> None:
    image = {"type": "image", "source": BASE64}
    use = {"type": "tool_use", "id": "t", "name": "camera", "input": {}}

    def asked(said: list[Any], result: list[Any]) -> Any:
        messages = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": said},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": result}]},
        ]
        return ask.claude(messages=messages)

    assert asked([use], [image]).json()["usage"]["input_tokens"] > 1500
    assert "`image` blocks are not permitted within `assistant`" in asked([image, use], [image]).text
    assert asked([use], [{**image, "source": {**BASE64, "data": "?"}}]).status_code == 400
