"""
A server that costs next to nothing: every POST gets the same valid Chat Completions body after 50 ms.

It prints its address, and ends when its standard input does.
"""

import asyncio
import sys

_LATENCY_S = 0.05
_TEXT = "The customer would like the refund that was promised last week, and sounds fairly urgent about it."
_BODY = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1795000000,"model":"gpt-4","choices":[{"index":0,'
    f'"message":{{"role":"assistant","content":"{_TEXT}","refusal":null}},"logprobs":null,'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":240,"completion_tokens":22,"total_tokens":262}}'
).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end]).lower()
            _, found, after = head.partition(b"content-length:")
            size = end + 4 + (int(after.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._read) < size:
                return
            del self._read[:size]
            asyncio.get_running_loop().call_later(_LATENCY_S, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
