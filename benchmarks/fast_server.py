"""
A server that costs next to nothing: it answers every POST with a valid Chat Completions body after a fixed
latency, and knows no limits, no keys and no faults.

The simulator costs more CPU than the engine that asks it; with this one the client is the bottleneck.
What a body asks for decides the answer: a call of the tool that it names, the object of a schema (`{"mood",
"urgency"}`), else a sentence. The counts of `usage` differ from answer to answer, as a provider's do.

    .venv/bin/python benchmarks/fast_server.py [latency in ms]

It prints its address, and ends when its standard input does.
"""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from surroundings import serving

_TEXT = (
    "The customer would like the refund that was promised last week, says that two calls to the service "
    "line came to nothing, and sounds fairly urgent."
)
_OBJECT = r"{\"mood\": \"impatient\", \"urgency\": 7}"
_SAID = f'{{"role":"assistant","content":"{_TEXT}","refusal":null}},"finish_reason":"stop"'
_SAID_AS_OBJECT = f'{{"role":"assistant","content":"{_OBJECT}","refusal":null}},"finish_reason":"stop"'
_CALLED = (
    '{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":'
    f'{{"name":"%s","arguments":"{_OBJECT}"}}}}]}},"finish_reason":"tool_calls"'
)
_WANTED = re.compile(rb'"tool_choice":\{"type":"function","function":\{"name":"([^"]+)"')
_BODY = (
    '{"id":"chatcmpl-%d","object":"chat.completion","created":1795000000,"model":"gpt-4.1-mini-2025-04-14",'
    '"choices":[{"index":0,"message":%s}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,'
    '"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
    '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,'
    '"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_fast"}'
)
_HEAD = (
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_%d\r\n"
    "openai-processing-ms: 50\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 1000000\r\n"
    "x-ratelimit-remaining-requests: 999999\r\ncontent-length: %d\r\n\r\n"
)
_LENGTH = b"content-length:"


class _Connection(asyncio.Protocol):
    """One connection, its requests one after the other."""

    def __init__(self, latency_s: float, numbers: Iterator[int]) -> None:
        self._latency_s = latency_s
        self._numbers = numbers
        self._read = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        head = self._read.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self._read[:head].lower()
        at = lower.find(_LENGTH)
        length = int(lower[at + len(_LENGTH) :].split(b"\r", 1)[0]) if at >= 0 else 0
        if len(self._read) < head + 4 + length:
            return
        answer = _answer(self._read[head + 4 :], next(self._numbers))
        self._read = b""
        self._loop.call_later(self._latency_s, self._transport.write, answer)


def _answer(body: bytes, number: int) -> bytes:
    if wanted := _WANTED.search(body):
        said = _CALLED % wanted[1].decode()
    else:
        said = _SAID_AS_OBJECT if b'"response_format":' in body else _SAID
    prompt, completion = len(body) // 4, 20 + number % 200
    written = (_BODY % (number, said, prompt, completion, prompt + completion)).encode()
    return (_HEAD % (number, len(written))).encode() + written


async def _serve(latency_s: float) -> None:
    loop, numbers = asyncio.get_running_loop(), count(1)
    server = await loop.create_server(lambda: _Connection(latency_s, numbers), "127.0.0.1", 0, backlog=2_048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def fast_server(latency_ms: int = 50) -> Iterator[str]:
    """While open, one is running in a process of its own; gives its address."""
    with serving([sys.executable, __file__, str(latency_ms)]) as url:
        yield url


if __name__ == "__main__":
    asyncio.run(_serve(float((sys.argv[1:] or ["50"])[0]) / 1000))
