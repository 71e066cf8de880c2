"""
The HTTP side: sockets in, bytes out, in the order a provider does things.

    key → JSON → fields → rate limit → fault → waiting → answer

What a provider says is not here (`openai`, `anthropic`), nor what the model says (`generation`).
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b, sha256
from random import Random
from typing import Self

import orjson
from aiohttp import web

from minference_core.providers import SIMULATOR
from minference_core.simulator.accounts import Account, account_name
from minference_core.simulator.anthropic.wire import AnthropicWire
from minference_core.simulator.delivery import deliver, is_whole
from minference_core.simulator.faults import FaultPlan
from minference_core.simulator.ids import Ids
from minference_core.simulator.jobs import NO_ANSWER, Job
from minference_core.simulator.limits import Allowance, Weight
from minference_core.simulator.openai.completions import CompletionsWire
from minference_core.simulator.openai.dialects import DIALECTS, dialect_of
from minference_core.simulator.openai.embeddings import EmbeddingsWire
from minference_core.simulator.openai.responses.wire import ResponsesWire
from minference_core.simulator.openai.wire import OpenAIWire
from minference_core.simulator.request_log import RequestLog, Seen, Stats
from minference_core.simulator.settings import SimulatorSettings
from minference_core.simulator.slots import LineTooLong, Slots
from minference_core.simulator.wire import Answer, Ask, Refused, Wire

__all__ = ["Simulator"]

_CHAT = "/v1/chat/completions"
_COMPLETIONS = "/v1/completions"
_EMBEDDINGS = "/v1/embeddings"
_RESPONSES = "/v1/responses"
_MESSAGES = "/v1/messages"
_MODELS = "/v1/models"
_LARGEST_BODY = 32 * 1024 * 1024  # bytes; Anthropic's limit, and more than OpenAI's context holds


class Simulator:
    """
    A running server. Enter it to start, leave it to stop.

        async with Simulator(SimulatorSettings(seed=1)) as simulator:
            ... simulator.url ...
    """

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self._plan = FaultPlan(self.settings.faults, self.settings.seed)
        self._log = RequestLog(self.settings.log, self.settings.delivered)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._slots = self.stats.slots = Slots(self.settings.slots, self.settings.overload_after)
        self._started = 0.0
        self._chat = {name: OpenAIWire(dialect) for name, dialect in DIALECTS.items()}
        self._completions = {name: CompletionsWire(dialect) for name, dialect in DIALECTS.items()}
        self._embeddings = {name: EmbeddingsWire(dialect) for name, dialect in DIALECTS.items()}
        self._responses = {"openai": ResponsesWire(DIALECTS["openai"])}  # the others do not have it
        self._messages = AnthropicWire()
        self._seed = self.settings.seed.to_bytes(16, "little", signed=True)
        self._runner: web.ServerRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end; empty until it is started."""
        return self._url

    @property
    def stats(self) -> Stats:
        """Counters since the start, kept up to date."""
        return self._log.stats

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        # A client that hangs must not keep the server from stopping.
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port, backlog=2048)
        await site.start()
        self._started = time.monotonic()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._log.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if request.method == "POST":
            if (asked := self._asked(path)) is not None:
                return await self._serve(request, asked)
        elif request.method == "GET":
            if path == "/health":
                return _json(b'{"status":"ok"}')
            if path == "/stats":
                return _json(orjson.dumps(self.stats.as_json()))
            if path.endswith(_MODELS):
                return _json(orjson.dumps(self._wire_of(request).model_list()))
        wire = self._wire_of(request)
        return _error(wire, wire.no_route(request.method, path), wire.request_id(), {})

    def _asked(self, path: str) -> Wire | None:
        """The API that a path is one of."""
        if path.endswith(_MESSAGES):
            return self._messages
        apis: dict[str, Mapping[str, Wire]] = {
            _CHAT: self._chat,
            _RESPONSES: self._responses,
            _COMPLETIONS: self._completions,
            _EMBEDDINGS: self._embeddings,
        }
        wires = next((wires for end, wires in apis.items() if path.endswith(end)), {})
        return wires.get(dialect_of(path).name)

    def _wire_of(self, request: web.BaseRequest) -> Wire:
        anthropic = "anthropic-version" in request.headers or _MESSAGES in request.path
        return self._messages if anthropic else self._chat[dialect_of(request.path).name]

    async def _serve(self, request: web.BaseRequest, wire: Wire) -> web.StreamResponse:
        seen = self._log.begin(request.path)
        try:
            return await self._respond(request, wire, seen)
        finally:
            self._log.finish(seen)  # for those that were given no answer: dropped, hung, left by their client

    async def _respond(self, request: web.BaseRequest, wire: Wire, seen: Seen) -> web.StreamResponse:
        headers = request.headers
        seen.client_request_id = headers.get("x-client-request-id")
        request_id = seen.request_id = wire.request_id()
        account: Account | None = None
        try:
            raw = await _received(request, wire)
            digest = sha256(raw)
            seen.body_sha256 = digest.hexdigest()
            account = self._account(wire.key(headers), wire)
            ask, weight = self._admitted(raw, headers, wire, account, seen)
            ids = self._sending(wire, digest.digest(), seen)
            rng = self._rng(wire, digest.digest(), seen.client_request_id if ask.sampled else None)
            answer = await self._worked_on(Job(wire, ask, weight, rng, ids, account, seen.fault))
        except Refused as refused:
            extra = self._limit_headers(wire, account)
            return self._finish_error(wire, refused, seen, request_id, extra)
        return await self._finish(request, wire, answer, seen, self._limit_headers(wire, account))

    def _admitted(
        self, raw: bytes, headers: Mapping[str, str], wire: Wire, account: Account, seen: Seen
    ) -> tuple[Ask, Weight]:
        """Read the request and let it through the rate limit; a wrong one counts as a request too."""
        now = time.monotonic()
        try:
            ask = wire.read(_parsed(raw, wire), headers)
        except Refused:
            account.admit(Weight(), now)
            raise
        seen.model, seen.prompt_tokens, seen.max_tokens = ask.model, ask.prompt_tokens, ask.declared_max
        weight = ask.weight(wire.cached_tokens(ask))
        verdict = account.admit(weight, now)
        if verdict is not None:
            raise wire.limited(verdict, ask)
        return ask, weight

    def _account(self, key: str, wire: Wire) -> Account:
        account = self._accounts.get((key, wire.provider))
        if account is None:
            settings, apart = self.settings, wire.counts_apart
            allowance = Allowance(
                settings.requests_per_minute,
                settings.tokens_per_minute,
                time.monotonic(),
                input_tokens_per_minute=settings.input_tokens_per_minute if apart else None,
                output_tokens_per_minute=settings.output_tokens_per_minute if apart else None,
            )
            account = Account(allowance, settles=settings.settle)
            self._accounts[key, wire.provider] = account
            self.stats.accounts[account_name(wire.provider, key)] = account
        return account

    def _limit_headers(self, wire: Wire, account: Account | None) -> dict[str, str]:
        ours = {"server": SIMULATOR}
        if account is None:
            return ours
        return ours | wire.limit_headers(account.allowance, time.monotonic(), time.time())

    def _sending(self, wire: Wire, body: bytes, seen: Seen) -> Ids:
        """Decide the fate of this sending of the request; gives the ids of its answer."""
        sent = f"{wire.provider}/{seen.client_request_id or ''}/".encode() + body
        request = blake2b(sent, digest_size=16, key=self._seed).digest()
        count = self._plan.sending(request)
        seen.fault = self._storm() or self._plan.fate(request, count)
        return Ids(request + count.to_bytes(8, "little"))

    def _rng(self, wire: Wire, body: bytes, client_request_id: str | None) -> Random:
        """The same for the same request in every process; a sampled one also depends on the client's id."""
        digest = blake2b(body, digest_size=16, key=self._seed, person=wire.provider.encode()[:16])
        if client_request_id is not None:
            digest.update(client_request_id.encode())
        return Random(int.from_bytes(digest.digest(), "little"))

    def _storm(self) -> str | None:
        elapsed = time.monotonic() - self._started
        return next((storm.fault for storm in self.settings.storms if storm.rages(elapsed)), None)

    async def _worked_on(self, job: Job) -> Answer:
        """The answer, when it is due. A client that leaves meanwhile pays for it all the same."""
        draw = job.rng.random()
        try:
            async with self._slots.place():
                try:
                    await self._wait(draw)
                except asyncio.CancelledError:
                    with suppress(Refused):
                        job.done()
                    raise
        except LineTooLong:
            job.undone()
            raise job.wire.failed(job.wire.overloaded) from None
        return job.done()

    async def _wait(self, draw: float) -> None:
        if self.settings.latency_ms:
            spread = 1 + self.settings.latency_jitter * (2 * draw - 1)
            await asyncio.sleep(self.settings.latency_ms / 1000 * spread)

    def _finish_error(
        self, wire: Wire, refused: Refused, seen: Seen, request_id: str, extra: dict[str, str]
    ) -> web.StreamResponse:
        seen.status = refused.status
        self._log.finish(seen)
        return _error(wire, refused, request_id, extra)

    async def _finish(
        self, request: web.BaseRequest, wire: Wire, answer: Answer, seen: Seen, extra: dict[str, str]
    ) -> web.StreamResponse:
        answered = seen.fault not in ("drop", "hang", "not_http")
        if answered:
            seen.status = 200
            seen.completion_tokens = answer.completion_tokens if seen.fault not in NO_ANSWER else 0
        if seen.fault != "hang":
            self._log.finish(seen)
        extra |= {**answer.headers, wire.request_id_header: seen.request_id or ""}
        response = await deliver(request, orjson.dumps(answer.body), extra, seen.fault)
        if self._log.wants_deliveries and is_whole(seen.fault):
            await response.prepare(request)
            await response.write_eof()
            self._log.delivered(seen)
        return response


async def _received(request: web.BaseRequest, wire: Wire) -> bytes:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise wire.failed(413)
    return bytes(body)


def _parsed(raw: bytes, wire: Wire) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise wire.not_json() from None


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _error(wire: Wire, refused: Refused, request_id: str, extra: dict[str, str]) -> web.Response:
    body = wire.error_body(refused, request_id)
    kind = "application/json" if body.startswith(b"{") else "text/html"
    headers = {**extra, **refused.headers, wire.request_id_header: request_id}
    return web.Response(status=refused.status, body=body, content_type=kind, headers=headers)
