"""Files of requests, asked on the real engine: group O of the original's behaviour, and what ours adds."""

import asyncio
import io
import json
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from minference_core.engine import LaneLimits
from minference_core.errors import ConfigError, ErrorClass, JournalBusy
from minference_core.providers import endpoint
from minference_core.request_files import (
    FileReport,
    OAIApiFromFileConfig,
    OutputError,
    guess_client,
    process_api_requests_from_file,
    run_request_file,
)
from minference_core.request_files.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, Endpoint, locate
from minference_core.request_files.lines import BadLine, Line, parse_line, read_lines
from minference_core.request_files.output import bad_line
from minference_core.request_files.tokens import weigh_line
from minference_core.simulator import SimulatorSettings, simulator_in_thread

KEY = "sk-test-secret-of-some-length"
ADDRESS = locate("http://127.0.0.1:9", "openai")


def chat(text: Any = "Say hello.", **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], **fields}


def pair(n: int, request: dict[str, Any] | None = None) -> list[Any]:
    return [{"id": n}, request or chat(f"Say {n}.")]


def batch(custom_id: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": path, "body": body}


ONE_OF_EACH = [
    batch("chat", "/v1/chat/completions", chat()),
    batch("completion", "/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "Once"}),
    batch("embedding", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "a", "dimensions": 3}),
    batch(
        "message",
        "/v1/messages",
        {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    ),
]


class Files:
    """An input, its output and its journal, in a folder of their own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.source, self.target, self.url = folder / "in.jsonl", folder / "out.jsonl", url
        self.journal = folder / "out.jsonl.journal"

    def say(self, *lines: Any) -> None:
        text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.source.write_text("".join(f"{line}\n" for line in text))

    def run(self, **more: Any) -> FileReport:
        return asyncio.run(self.ask(**more))

    async def ask(self, **more: Any) -> FileReport:
        given = {"url": self.url, "api_key": SecretStr(KEY), "timeout_s": 5.0, **more}
        return await run_request_file(self.source, self.target, **given)

    def out(self) -> list[Any]:
        text = self.target.read_text()
        assert not text or text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    def answers(self) -> list[Any]:
        """The third part of every `[metadata, request, …]`, by the metadata's id."""
        return [line[2] for line in sorted(self.out(), key=lambda line: line[0]["id"])]


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], Files]:
    return lambda url: Files(tmp_path, url)


Reply = Callable[[int, Mapping[str, str], bytes], tuple[int, Any]]
Seen = list[tuple[str, Mapping[str, str], Any]]


@contextmanager
def answering(reply: Reply) -> Iterator[tuple[str, Seen]]:
    """A server that answers as told, by the number of the request; and what it saw."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            seen.append((self.path, headers, json.loads(body)))
            status, answer = reply(len(seen), headers, body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()


ANSWER = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


KINDS = ("bad_request", "server", "undecodable")


def always(status: int, answer: Any) -> Reply:
    return lambda *_: (status, answer)


# ── O1: the original's names ─────────────────────────────────────────────────


def test_o1_the_originals_configuration_has_its_defaults_and_never_shows_its_key() -> None:
    made = OAIApiFromFileConfig(requests_filepath="in", save_filepath="out", api_key=KEY)

    assert made.request_url == "https://api.openai.com/v1/embeddings"
    assert (made.max_requests_per_minute, made.max_tokens_per_minute) == (100, 1_000_000)
    assert (made.max_attempts, made.logging_level) == (5, logging.INFO)
    assert made.token_encoding_name == "cl100k_base"  # noqa: S105 (a vocabulary)
    assert KEY not in repr(made)


def test_o1_the_originals_function_asks_a_file(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say([{"id": 1}, {"model": "text-embedding-3-small", "input": "a", "dimensions": 2}])

    report = asyncio.run(
        process_api_requests_from_file(
            OAIApiFromFileConfig(
                requests_filepath=str(made.source),
                save_filepath=str(made.target),
                api_key=KEY,
                request_url=f"{made.url}/v1/embeddings",
            )
        )
    )

    assert report.all_well
    assert len(made.answers()[0]["data"][0]["embedding"]) == 2


# ── O2: lines in, lines out ──────────────────────────────────────────────────


def test_o2_an_answer_stands_beside_its_metadata_with_times_and_its_request_untouched(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator(latency_ms=50))
    request = chat(temperature=1.0, seed=2**70, metadata={"é": "日本"})
    made.say([{"id": 7, "start_time": 1.5, "end_time": None, "mine": [1, {"a": None}]}, request])

    assert made.run(client="vllm", url=f"{made.url}/vllm").all_well

    ((metadata, echoed, response),) = made.out()
    assert echoed == request
    assert response["object"] == "chat.completion"
    assert {"id": 7, "mine": [1, {"a": None}], "start_time": 1.5}.items() <= metadata.items()
    assert metadata["total_time"] == metadata["end_time"] - 1.5


def test_o2_a_start_time_is_added_and_metadata_that_is_no_object_stays_as_it_is(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator(latency_ms=50))
    made.say([{}, chat()], [None, chat()], ["a name", chat()])

    made.run()

    timed = [line[0] for line in made.out() if isinstance(line[0], dict)]
    assert 0.05 <= timed[0]["total_time"] <= 5
    assert {line[0] for line in made.out() if not isinstance(line[0], dict)} == {None, "a name"}


def test_o2_an_error_takes_the_answers_place_and_says_its_class(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(pair(1, chat(model="no-such-model")), batch("b", "/v1/chat/completions", chat(n=0)))

    report = made.run()

    refused, of_batch = sorted(made.out(), key=lambda line: isinstance(line, dict))
    assert "no-such-model" in refused[2]["error"]
    assert (refused[2]["error_class"], refused[2]["status_code"]) == ("not_found", 404)
    assert of_batch["error"]["code"] == "bad_request"
    assert (refused[2]["attempts"], of_batch["error"]["attempts"]) == (1, 1)
    assert refused[2]["first_sent_at"] < refused[2]["finished_at"] < datetime.now(UTC).isoformat()
    assert of_batch["response"]["status_code"] == 400
    assert of_batch["response"]["body"]["error"]["param"] == "n"
    assert report.failures == {"not_found": 1, "bad_request": 1}
    assert not report.all_well


def test_o2_answers_are_written_as_they_come(files: Callable[[str], Files]) -> None:
    first_may_go = threading.Event()

    def reply(number: int, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if b"Say 0." in body:
            first_may_go.wait(5)
        elif b"Say 2." in body:
            first_may_go.set()
        return 200, ANSWER

    with answering(reply) as (url, _):
        made = files(url)
        made.say(*(pair(n) for n in range(3)))
        made.run(max_in_flight=2)

    assert made.out()[0][0]["id"] == 1
    assert len(made.out()) == 3


def test_o2_a_batch_line_gets_openais_batch_output(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(batch("mine", "/v1/chat/completions", chat()))

    made.run()

    (line,) = made.out()
    assert list(line) == ["id", "custom_id", "response", "error"]
    assert line["id"].startswith("batch_req_")
    assert (line["custom_id"], line["error"]) == ("mine", None)
    assert list(line["response"]) == ["status_code", "request_id", "body"]
    assert line["response"]["status_code"] == 200
    assert line["response"]["request_id"].startswith("req_")
    assert line["response"]["body"]["choices"][0]["message"]["content"]


def test_an_answer_nobody_could_read_is_kept_as_it_came(files: Callable[[str], Files]) -> None:
    """It was paid for. Half a surrogate pair, NaN, no JSON at all: the output stays JSON Lines."""
    bodies = [b'{"choices": NaN}', b"<html>", b'{"text": "\\ud800"}', b'\xff{"', b'{"a":\n1}']
    with answering(lambda _, __, body: (200, bodies[int(json.loads(body)["messages"][0]["content"])])) as (
        url,
        _,
    ):
        made = files(url)
        made.say(*(pair(n, chat(str(n))) for n in range(len(bodies))))
        made.run()
        again = made.run()

    nan, html, half, raw, wide = made.answers()
    assert (nan["error_class"], nan["body"]) == ("undecodable", '{"choices": NaN}')
    assert (html["error_class"], html["body"]) == ("undecodable", "<html>")
    assert half == {"text": "\ud800"}
    assert raw["body"].startswith("data:application/octet-stream;base64,")
    assert wide == {"a": 1}
    assert again.sent == 0


# ── O3: which endpoint, and which headers ────────────────────────────────────


def test_o3_all_four_endpoints_are_asked_by_the_lines_url(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(*ONE_OF_EACH)

    assert made.run().all_well

    bodies = {line["custom_id"]: line["response"]["body"] for line in made.out()}
    assert bodies["chat"]["object"] == "chat.completion"
    assert bodies["completion"]["object"] == "text_completion"
    assert bodies["embedding"]["object"] == "list"
    assert bodies["message"]["type"] == "message"


@pytest.mark.parametrize("line", ONE_OF_EACH, ids=lambda line: str(line["custom_id"]))
def test_o3_a_line_without_a_url_goes_to_the_endpoint_that_was_given(
    line: dict[str, Any], files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say([{}, line["body"]])

    assert made.run(url=made.url + line["url"]).all_well


def test_o3_without_either_the_body_tells(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(*(pair(n, line["body"]) for n, line in enumerate(ONE_OF_EACH[:3])))

    assert made.run().all_well


@pytest.mark.parametrize(
    ("url", "client", "asked", "sent_to"),
    [
        ("http://h", "openai", CHAT, "http://h/v1/chat/completions"),
        ("http://h/v1/", "vllm", COMPLETIONS, "http://h/v1/completions"),
        ("http://h/api/v1", "openrouter", CHAT, "http://h/api/v1/chat/completions"),
        ("http://h/v1/embeddings", "openai", EMBEDDINGS, "http://h/v1/embeddings"),
        ("http://h/v1/embeddings", "openai", CHAT, "http://h/v1/chat/completions"),
        ("http://h/chat/completions", "openai", CHAT, "http://h/chat/completions"),
        ("http://h/v1beta/openai", "openai", CHAT, "http://h/v1beta/openai/chat/completions"),
        ("http://h", "anthropic", MESSAGES, "http://h/v1/messages"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "openai",
            CHAT,
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
        ),
        ("http://h/openai/deployments/d", "openai", EMBEDDINGS, "http://h/openai/deployments/d/embeddings"),
    ],
)
def test_o3_where_a_request_goes(url: str, client: str, asked: Endpoint, sent_to: str) -> None:
    address = locate(url, client)

    assert endpoint(address.base_url, address.wire(asked, {}).path) == sent_to


@pytest.mark.parametrize(
    ("path", "client", "body", "header", "value"),
    [
        ("/v1/chat/completions", "openai", chat(), "authorization", f"Bearer {KEY}"),
        ("/openai/deployments/d/chat/completions", "openai", chat(), "api-key", KEY),
        ("/v1/messages", "anthropic", chat(temperature=0.5), "x-api-key", KEY),
        ("/v1/messages", "anthropic", chat(temperature=0.5), "anthropic-version", "2023-06-01"),
        ("/v1/messages", "anthropic", chat(), "authorization", f"Bearer {KEY}"),
        ("/v1/messages", "anthropic", chat(), "anthropic-version", "2026-10-21"),
        ("/v1/messages", "litellm", chat(), "authorization", f"Bearer {KEY}"),
    ],
)
def test_o3_each_server_gets_the_key_in_its_own_header(
    path: str, client: str, body: dict[str, Any], header: str, value: str, files: Callable[[str], Files]
) -> None:
    with answering(always(200, ANSWER)) as (url, seen):
        made = files(url)
        made.say([{}, body])
        made.run(url=url + path, client=client)

    ((where, headers, _),) = seen
    assert where == path
    assert headers[header] == value
    assert sum(KEY in said for said in headers.values()) == 1


@pytest.mark.parametrize(
    ("url", "lines", "client"),
    [
        ("https://api.openai.com/v1", [], "openai"),
        ("https://api.anthropic.com", [], "anthropic"),
        ("https://openrouter.ai/api/v1", [], "openrouter"),
        ("https://x.openai.azure.com/openai/v1", [], "openai"),
        ("http://h/vllm", [], "vllm"),
        ("http://h/v1/messages", [], "anthropic"),
        ("http://h", [pair(1)], "openai"),
        ("http://h", ["oops", pair(1, {"model": "claude-haiku-4-5", "messages": []})], "anthropic"),
        ("http://h", [ONE_OF_EACH[3]], "anthropic"),
        ("http://h", [], "openai"),
    ],
)
def test_o3_the_client_is_guessed(
    url: str, lines: list[Any], client: str, files: Callable[[str], Files]
) -> None:
    made = files(url)
    made.say(*lines)

    assert guess_client(url, made.source) == client


# ── O4: max_tokens ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "asked", "model", "field"),
    [
        ("openai", CHAT, "gpt-5.5", "max_completion_tokens"),
        ("openai", CHAT, "o3-mini", "max_completion_tokens"),
        ("openai", CHAT, "gpt-4.1-mini", "max_tokens"),
        ("openai", CHAT, "llama-3", "max_tokens"),
        ("vllm", CHAT, "gpt-5.5", "max_tokens"),
        ("openai", COMPLETIONS, "gpt-5.5", "max_tokens"),
        ("anthropic", MESSAGES, "claude-haiku-4-5", "max_tokens"),
    ],
)
def test_o4_a_limit_is_renamed_only_for_openais_models_that_refuse_the_old_name(
    client: str, asked: Endpoint, model: str, field: str
) -> None:
    body = {"model": model, "max_tokens": 5, "top_k": 1}

    sent = locate("http://h", client).wire(asked, body).body

    assert sent == {"model": model, field: 5, "top_k": 1}
    assert list(sent) == ["model", field, "top_k"]
    assert body["max_tokens"] == 5


# ── O5, O6: limits and weights ───────────────────────────────────────────────


def test_o5_a_file_keeps_to_its_limits_from_the_first_second_on(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    """The original's buckets start full, so it is refused for most of its first minute."""
    made = files(simulator(requests_per_minute=1_200))
    made.say(*(pair(n) for n in range(40)))

    report = made.run(limits=LaneLimits(requests_per_minute=1_200))

    assert report.all_well
    assert report.retries <= 3
    assert report.seconds >= 1.0


@pytest.mark.parametrize(
    ("asked", "body", "tokens"),
    [
        (CHAT, chat("abcdefg"), 2 + 3 + 3 + 15),
        (CHAT, chat("abcdefg", max_tokens=100, n=2), 8 + 200),
        (CHAT, chat("abcdefg", max_completion_tokens=50), 8 + 50),
        (CHAT, {"messages": "oops", "max_tokens": "many", "n": True}, 3 + 15),
        (CHAT, {"messages": ["oops", {"content": [{"text": "abcdefg"}, 1]}]}, 2 + 3 + 3 + 15),
        (CHAT, {"tools": [2**70]}, 6 + 3 + 15),
        (MESSAGES, {"system": "abcdefg", "messages": [], "max_tokens": 7}, 2 + 3 + 7),
        (
            MESSAGES,
            {"messages": [{"content": [{"type": "tool_result", "content": "abcdefg"}]}], "max_tokens": 7},
            2 + 3 + 3 + 7,
        ),
        (CHAT, chat([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]), 1600 + 3 + 3 + 15),
        (COMPLETIONS, {"prompt": "abcdefg"}, 2 + 15),
        (COMPLETIONS, {"prompt": ["abcdefg", "abcdefg"], "max_tokens": 10, "n": 3}, 4 + 60),
        (COMPLETIONS, {"prompt": [1, 2, 3], "max_tokens": 10, "best_of": 2}, 3 + 20),
        (COMPLETIONS, {"prompt": [[1, 2], [3]], "max_tokens": 10}, 3 + 20),
        (EMBEDDINGS, {"input": ["abcdefg", "abcdefg"]}, 4),
        (EMBEDDINGS, {"input": [[1, 2], [3]]}, 3),
        (EMBEDDINGS, {"input": None}, 0),
    ],
)
def test_o6_a_request_weighs_its_prompt_and_its_longest_answer(
    asked: Endpoint, body: dict[str, Any], tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_length() -> Callable[[list[str]], int]:
        return lambda texts: sum(-(-len(text) // 4) for text in texts)

    monkeypatch.setattr("minference_core.request_files.tokens.token_counter", by_length)

    assert weigh_line(asked, body).tokens == tokens


def test_o6_a_request_that_can_never_fit_is_refused_and_holds_up_nobody(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(pair(1, chat(max_tokens=9_000)), pair(2, chat(max_tokens=20)))

    report = made.run(limits=LaneLimits(tokens_per_minute=6_000))

    too_large, answer = made.answers()
    assert too_large["error_class"] == "too_large"
    assert too_large["attempts"] == 0
    assert "first_sent_at" not in too_large
    assert "lower max_tokens or raise the limit" in too_large["error"]
    assert answer["choices"]
    assert report.sent == 1


# ── O7, O8: failures ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "sent"), [(500, 2), (400, 1), (422, 1), (404, 1)], ids=["retried", "no", "nor", "neither"]
)
def test_o7_what_may_work_is_sent_again_and_then_is_an_error_line(
    status: int, sent: int, files: Callable[[str], Files]
) -> None:
    """The original sends everything again, at once, refusals that never change too."""
    with answering(always(status, {"error": {"message": "no"}})) as (url, seen):
        made = files(url)
        made.say(pair(1))
        report = made.run(max_attempts=2)

    assert len(seen) == sent == report.sent
    assert made.answers()[0]["error"] == "no"
    assert made.answers()[0]["attempts"] == sent


def test_o7_an_error_inside_a_200_is_an_error(files: Callable[[str], Files]) -> None:
    with answering(always(200, {"error": {"message": "no", "code": 400}})) as (url, seen):
        made = files(url)
        made.say(pair(1))
        made.run()

    assert made.answers()[0]["error_class"] == "bad_request"
    assert len(seen) == 1


def test_o8_the_words_rate_limit_alone_stop_nobody_and_a_429_waits_as_long_as_it_says(
    files: Callable[[str], Files],
) -> None:
    """The original pauses everything for 15 s when an error's text has `Rate limit` in it."""

    def reply(number: int, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if b"words" in body:
            return 400, {"error": {"message": "Rate limit is a nice topic"}}
        return (429, {"error": {"message": "slow down"}}) if number <= 2 else (200, ANSWER)

    with answering(reply) as (url, seen):
        made = files(url)
        made.say(pair(1, chat("words")), pair(2))
        report = made.run(max_in_flight=1)

    assert [len(seen), report.retries, report.answered] == [3, 1, 1]
    assert report.seconds < 5


def test_o8_a_refused_key_stops_the_lane_and_everything_unsent_says_so(
    files: Callable[[str], Files],
) -> None:
    with answering(always(401, {"error": {"message": f"Incorrect key {KEY}"}})) as (url, seen):
        made = files(url)
        made.say(*(pair(n) for n in range(50)))
        report = made.run(max_in_flight=2)

        assert len(seen) <= 2
        assert report.failures == {"auth": 50}
        assert all(answer["error_class"] == "auth" for answer in made.answers())

    kept = made.target.read_text() + "".join(path.read_text() for path in made.journal.glob("*.jsonl"))
    assert KEY not in kept


def test_what_was_sent_and_then_refused_says_how_often_it_was_sent(files: Callable[[str], Files]) -> None:
    first_failed = threading.Event()

    def reply(number: int, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if b"Say 1." in body:
            first_failed.set()
            return 500, {}
        first_failed.wait()
        time.sleep(0.1)  # so that it is there
        return 401, {"error": {"message": "no"}}

    with answering(reply) as (url, seen):
        made = files(url)
        made.say(pair(1), pair(2), pair(3))
        made.run(max_in_flight=2)

    sent = Counter(body["messages"][0]["content"] for _, _, body in seen)
    assert [answer["error_class"] for answer in made.answers()] == ["auth"] * 3
    assert [answer["attempts"] for answer in made.answers()] == [sent[f"Say {n}."] for n in (1, 2, 3)]
    assert (sent["Say 1."], sent["Say 3."]) == (1, 0)
    assert [set(answer) & {"first_sent_at", "finished_at"} != set() for answer in made.answers()] == [
        False,
        True,
        False,
    ]


def test_a_missing_key_is_said_before_anything_is_made(files: Callable[[str], Files]) -> None:
    made = files("https://api.openai.com/v1")
    made.say(pair(1))

    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        made.run(api_key=None)

    assert not made.target.exists()
    assert not made.journal.exists()


# ── going on ─────────────────────────────────────────────────────────────────


def test_the_same_command_again_sends_nothing_and_changes_no_byte(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator(latency_ms=20, latency_jitter=0.9))
    made.say(*(pair(n) for n in range(20)), *ONE_OF_EACH)
    made.run(max_in_flight=8)
    before = made.target.read_bytes()

    again = made.run()

    assert (again.sent, again.reused, again.answered) == (0, 24, 24)
    assert made.target.read_bytes() == before


@pytest.mark.parametrize("left", [None, 0, 10, 0.5, -1, -7])
def test_a_torn_or_lost_output_is_written_again_from_the_journal(
    left: float | None, files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(*(pair(n) for n in range(5)), *ONE_OF_EACH)
    made.run()
    whole = made.target.read_bytes()
    if left is None:
        made.target.unlink()
    else:
        made.target.write_bytes(whole[: int(left * len(whole)) if 0 < left < 1 else int(left)])

    again = made.run()

    assert again.sent == 0
    assert made.target.read_bytes() == whole


def test_errors_that_may_be_mended_are_asked_again_and_leave_no_second_line(
    files: Callable[[str], Files],
) -> None:
    broken = [True]

    def reply(number: int, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if b"Say 0." in body:
            return 400, {"error": {"message": "never"}}
        return (500, {"error": {"message": "not now"}}) if broken[0] and b"Say 1." in body else (200, ANSWER)

    with answering(reply) as (url, seen):
        made = files(url)
        made.say(*(pair(n) for n in range(4)), "oops")
        first = made.run(max_attempts=1)
        broken[0] = False
        second = made.run(max_attempts=1)

    assert first.failures == {"bad_request": 1, "server": 1, "invalid_line": 1}
    assert second.failures == {"bad_request": 1, "invalid_line": 1}
    assert (second.sent, second.reused) == (1, 3)
    assert Counter(str(line[0].get("id")) for line in made.out() if isinstance(line, list)) == {
        "0": 1, "1": 1, "2": 1, "3": 1,
    }  # fmt: skip
    assert len(made.out()) == 5
    assert len(seen) == 5


def test_equal_lines_are_separate_requests(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(*[pair(1, chat(temperature=1))] * 6)

    assert made.run(url=f"{made.url}/vllm").sent == 6
    assert len({line[2]["choices"][0]["message"]["content"] for line in made.out()}) > 1

    made.say(*[pair(1, chat(temperature=1))] * 8)

    assert made.run(url=f"{made.url}/vllm").sent == 2
    assert len(made.out()) == 8


def test_only_changed_lines_are_new_wherever_they_stand(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(*(pair(n) for n in range(4)), *ONE_OF_EACH[:2])
    made.run()

    made.say("", ONE_OF_EACH[1], pair(9), *(pair(n) for n in (3, 1, 0)), ONE_OF_EACH[2])
    report = made.run()

    assert (report.sent, report.reused) == (2, 4)
    ids = [line["custom_id"] if isinstance(line, dict) else line[0]["id"] for line in made.out()]
    assert sorted(map(str, ids)) == ["0", "1", "3", "9", "completion", "embedding"]


def test_another_server_is_asked_anew(files: Callable[[str], Files], simulator: Callable[..., str]) -> None:
    """What a simulator said must never pass for a provider's word."""
    made = files(simulator())
    made.say(pair(1), pair(2))
    made.run()
    before = made.target.read_bytes()

    with pytest.raises(ConfigError, match="another file, URL or client"):
        made.run(url=simulator(seed=1))

    assert made.target.read_bytes() == before


@pytest.mark.parametrize("content", ["notes\n", '{"a": 1}\n', "[1, 2, 3]\n", "no newline"])
def test_an_output_of_somebody_elses_is_left_alone(content: str, files: Callable[[str], Files]) -> None:
    made = files("http://127.0.0.1:9")
    made.say(pair(1))
    made.target.write_text(content)

    with pytest.raises(ConfigError, match="choose another output"):
        made.run()

    assert made.target.read_text() == content
    assert not made.journal.exists()


def test_an_output_that_was_exchanged_is_left_alone(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(pair(1))
    made.run()
    made.target.write_text("my notes\n")

    with pytest.raises(ConfigError, match="line 1 was not written by this command"):
        made.run()

    assert made.target.read_text() == "my notes\n"


def test_files_that_cannot_be_used_are_said(files: Callable[[str], Files], tmp_path: Path) -> None:
    made = files("http://127.0.0.1:9")
    made.say(pair(1))
    wrong: list[tuple[Path, Path, str]] = [
        (made.source, made.source, "both the input and the output"),
        (tmp_path / "no", made.target, "is not a file"),
        (made.source, tmp_path, "not a regular file"),
        (made.source, tmp_path / "no" / "out", "is not a folder"),
    ]

    for source, target, message in wrong:
        with pytest.raises(ConfigError, match=message):
            asyncio.run(run_request_file(source, target, url=made.url))
    with pytest.raises(ConfigError, match="not an http"):
        made.run(url="localhost:8000")


def test_two_runs_cannot_write_one_output(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator(latency_ms=500))
    made.say(pair(1))

    async def both() -> None:
        first = asyncio.create_task(made.ask())
        await asyncio.sleep(0.2)
        with pytest.raises(JournalBusy, match="another run"):
            await made.ask()
        assert (await first).all_well

    asyncio.run(both())


def test_a_stop_waits_for_what_is_in_flight_and_the_next_run_does_the_rest(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator(latency_ms=300))
    made.say(*(pair(n) for n in range(12)))

    async def stopped() -> FileReport:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.45, stop.set)
        return await made.ask(stop=stop, max_in_flight=3)

    report = asyncio.run(stopped())
    rest = made.run()

    assert report.answered == report.sent == 12 - report.undone
    assert 0 < report.undone < 12
    assert (rest.sent, rest.answered) == (report.undone, 12)


def test_a_full_disk_ends_the_run_and_nothing_paid_is_lost(
    files: Callable[[str], Files], simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = files(simulator())
    made.say(*(pair(n) for n in range(5)))

    def full(*_: object) -> None:
        raise OutputError("no room")

    with monkeypatch.context() as patched:
        patched.setattr("minference_core.request_files.output.Output.write", full)
        with pytest.raises(OutputError):
            made.run(max_in_flight=1)

    report = made.run()
    assert (report.sent, report.reused) == (4, 1)


@pytest.mark.parametrize(
    ("classes", "asked"),
    [
        pytest.param(None, ["500"], id="a plain run asks what may be mended"),
        pytest.param({ErrorClass.BAD_REQUEST}, ["400"], id="only a class that a plain run leaves"),
        pytest.param({ErrorClass.UNDECODABLE, ErrorClass.SERVER}, ["500", "garbage"], id="two classes"),
        pytest.param({ErrorClass.TIMEOUT}, [], id="a class that nobody has"),
    ],
)
def test_only_lines_of_the_chosen_classes_are_asked_again(
    files: Callable[[str], Files], classes: set[ErrorClass] | None, asked: list[str]
) -> None:
    answers = {"400": (400, {"error": {"message": "no"}}), "500": (500, {}), "garbage": (200, b"?!")}
    mended = False

    def reply(_: int, __: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        said = json.loads(body)["messages"][0]["content"]
        return (200, ANSWER) if mended else answers.get(said, (200, ANSWER))

    with answering(reply) as (url, seen):
        made = files(url)
        made.say(*(pair(n, chat(said)) for n, said in enumerate(["fine", *answers])))
        made.run(max_attempts=1)
        before, mended = len(seen), True

        report = made.run(retry_errors=classes)

    assert sorted(body["messages"][0]["content"] for _, _, body in seen[before:]) == asked
    assert (report.lines, report.answered, report.undone) == (4, 1 + len(asked), 0)
    assert [answer.get("error_class") for answer in made.answers()] == [
        None,
        *(None if said in asked else name for said, name in zip(answers, KINDS, strict=True)),
    ]


def test_a_failure_that_is_left_keeps_its_line_to_the_byte(files: Callable[[str], Files]) -> None:
    """How often and when it was tried, too: what other lines do afterwards is not its affair."""

    def reply(_: int, __: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        return (500, {}) if b"Say 1." in body else (400, {"error": {"message": "no"}})

    with answering(reply) as (url, _):
        made = files(url)
        made.say("oops", pair(1), pair(2), batch("b", "/v1/chat/completions", chat("Say 1. again")))
        made.run(max_attempts=2)
        before = made.target.read_text().splitlines()

        made.run(max_attempts=2, retry_errors={ErrorClass.BAD_REQUEST})

    kept = [line for line in before if "server" in line or "invalid_line" in line]
    assert len(kept) == 3
    assert set(kept) <= set(made.target.read_text().splitlines())
    assert all(json.loads(line)[2]["attempts"] == 2 for line in kept if "Say 1" in line and line[0] == "[")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)))
def test_whatever_a_kill_leaves_the_next_run_has_each_line_once(cuts: tuple[int, int], url: str) -> None:
    """The journal cut off at any byte, the output at any before it: what a SIGKILL or a power cut leaves."""
    with tempfile.TemporaryDirectory() as folder:
        made = Files(Path(folder), url)
        made.say("oops", *(pair(n) for n in range(4)), *ONE_OF_EACH[:3])
        made.run()
        (journal,) = made.journal.glob("*.jsonl")
        left = _cut(journal.read_bytes(), cuts[0])
        durable = sum(b'"kind":"outcome"' in line for line in left.split(b"\n")[:-1])
        journal.write_bytes(left)
        written = made.target.read_bytes().splitlines(keepends=True)
        made.target.write_bytes(_cut(b"".join(written[: 1 + durable]), cuts[1]))

        report = made.run()

        assert (report.sent, report.reused) == (7 - durable, durable)
        assert report.answered == 7
        assert Counter(_called(line) for line in made.out()) == Counter(
            ["0", "1", "2", "3", "chat", "completion", "embedding", "None"]
        )


def _cut(data: bytes, permille: int) -> bytes:
    return data[: len(data) * permille // 1_000]


def _called(line: Any) -> str:
    return str(line["custom_id"] if isinstance(line, dict) else line[0]["id"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator_in_thread(SimulatorSettings()) as running:
        yield running


# ── lines ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("oops", "each request is one line of JSON"),
        ("[1, 2", "each request is one line of JSON"),
        ('[{}, {"messages": [NaN]}]', "each request is one line of JSON"),
        ('[{}, {"messages": ["\\ud800"]}]', "half of a surrogate pair"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("[" * 900 + "]" * 900, "nested too deeply"),
        ("3", "write it as"),
        ("[1]", "write it as"),
        ("[{}, 3]", "write it as"),
        (json.dumps(chat()), "write it as"),
        (json.dumps([{}, chat(), {}]), "is a result"),
        (json.dumps([{}, {"model": "m"}]), "names the endpoint"),
        (json.dumps([{}, chat(stream=True)]), "remove it"),
        (json.dumps(batch("", "/v1/embeddings", {})), "custom_id is missing"),
        (json.dumps({"custom_id": "a", "body": {}}), "url is missing"),
        (json.dumps(batch("a", "/v1/responses", {})), "only the path of an endpoint"),
        (json.dumps(batch("a", "https://h/v1/embeddings", {})), "only the path of an endpoint"),
        (json.dumps({**batch("a", "/v1/embeddings", {}), "method": "GET"}), "nothing else is sent"),
        (json.dumps({**batch("a", "/v1/embeddings", {}), "body": None}), "body is missing"),
    ],
)
def test_a_line_that_cannot_be_asked_says_where_it_is_and_what_to_do(line: str, remedy: str) -> None:
    parsed = parse_line(line.encode(), 17, 0, ADDRESS)

    assert isinstance(parsed, BadLine)
    written = json.loads(bad_line(parsed, "in.jsonl"))
    error = written[2]["error"] if isinstance(written, list) else written["error"]["message"]
    assert error.startswith("in.jsonl line 17: ")
    assert remedy in error


def test_a_bad_line_keeps_what_tells_it_from_others_and_the_rest_is_asked(
    files: Callable[[str], Files], simulator: Callable[..., str]
) -> None:
    made = files(simulator())
    made.say(
        [{"id": 1}, chat(stream=True)], batch("bad", "/v2", {}), "oops", "", "   ", pair(2), ONE_OF_EACH[0],
        {**ONE_OF_EACH[0], "body": {}},
    )  # fmt: skip

    report = made.run()

    assert report.failures == {"invalid_line": 3, "duplicate_custom_id": 1}
    assert (report.lines, report.answered, report.sent) == (6, 2, 2)
    assert report.reasons["invalid_line"].startswith("line 1: ")
    assert "line 7's too" in report.reasons["duplicate_custom_id"]
    bad = [line for line in made.out() if isinstance(line, list) and "error" in line[2]]
    assert [line[0]["id"] for line in bad] == [1]
    assert Counter(line["custom_id"] for line in made.out() if isinstance(line, dict)) == {
        "bad": 1, None: 1, "chat": 2,
    }  # fmt: skip


def test_a_byte_order_mark_windows_line_ends_and_no_last_newline_are_read() -> None:
    text = b"\xef\xbb\xbf" + json.dumps(pair(1)).encode() + b"\r\n\r\n" + json.dumps(pair(2)).encode()

    lines = list(read_lines(io.BytesIO(text), ADDRESS))

    assert [(type(line), line.number) for line in lines] == [(Line, 1), (Line, 3)]


def test_a_line_that_is_longer_than_any_request_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minference_core.request_files.lines.LONGEST", 200)
    text = b"\n".join([b"x" * 999, json.dumps(pair(1)).encode(), b"y" * 400])

    lines = list(read_lines(io.BytesIO(text), ADDRESS))

    assert [(type(line), line.number) for line in lines] == [(BadLine, 1), (Line, 2), (BadLine, 3)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["custom_id", "url", "method", "body", "messages", "input", "prompt", "stream", "x"]
            ),
            inner | st.sampled_from(["/v1/embeddings", "/v1/messages", "POST"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_no_line_raises_and_none_is_lost(raw: bytes) -> None:
    raw = raw.replace(b"\n", b"")

    lines = list(read_lines(io.BytesIO(raw + b"\n"), ADDRESS))

    assert len(lines) == bool(raw.strip())
    for line in lines:
        if isinstance(line, BadLine):
            assert json.loads(bad_line(line, "in.jsonl"))
        else:
            assert json.dumps(line.request)
            assert weigh_line(line.endpoint, line.request).tokens >= 0


@given(st.lists(st.sampled_from([pair(1), pair(2), ONE_OF_EACH[0], ONE_OF_EACH[1], "oops"]), max_size=12))
def test_every_line_has_a_name_of_its_own(lines: list[Any]) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)

    read = list(read_lines(io.BytesIO(text.encode()), ADDRESS))

    good = [(line.digest, line.copy) for line in read if isinstance(line, Line)]
    assert len(read) == len(lines)
    assert len(set(good)) == len(good)
