"""Too much to do, and bad minutes: as latency, as refusals, and as storms."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from typing import Any

import aiohttp
import httpx
import pytest

from minference_core.simulator import Simulator, SimulatorSettings, Storm, parse_storm
from minference_core.simulator.slots import Slots
from tests.core.simulator.conftest import Asker, Running

KEY = {"Authorization": "Bearer k"}
BODY = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]}


def asked_at_once(requests: int, **settings: Any) -> tuple[Counter[int], float, Simulator]:
    """How they were answered, and how long all of them took."""

    async def main() -> tuple[Counter[int], float, Simulator]:
        async with (
            Simulator(SimulatorSettings(**settings)) as simulator,
            aiohttp.ClientSession(headers={"Authorization": "Bearer k"}) as session,
        ):

            async def ask() -> int:
                async with session.post(f"{simulator.url}/v1/chat/completions", json=BODY) as response:
                    await response.read()
                    return response.status

            began = time.monotonic()
            statuses = await asyncio.gather(*(ask() for _ in range(requests)))
            return Counter(statuses), time.monotonic() - began, simulator

    return asyncio.run(main())


def test_who_finds_no_slot_waits_and_is_not_told() -> None:
    statuses, took_s, simulator = asked_at_once(12, slots=3, latency_ms=50)

    assert statuses == {200: 12}
    assert took_s >= 4 * 0.05 * 0.9
    assert 0 < simulator.stats.as_json()["peak_waiting"] <= 9


@pytest.mark.parametrize(("path", "status"), [("/v1/chat/completions", 503), ("/v1/messages", 529)])
def test_who_finds_the_line_too_long_is_told_so(running: Running, path: str, status: int) -> None:
    with running(slots=1, overload_after=0, latency_ms=60_000) as ask:
        first = threading.Thread(target=ask_in_vain, args=[ask])
        first.start()
        while not admitted(ask, 1):
            time.sleep(0.01)
        refused = ask.claude() if "messages" in path else ask.chat()

    first.join()
    assert refused.status_code == status
    assert "overloaded" in refused.text.lower()


def test_places_are_given_in_the_order_of_asking() -> None:
    async def main() -> list[int]:
        slots, served = Slots(2, most_waiting=None), list[int]()

        async def ask(number: int) -> None:
            async with slots.place():
                served.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(ask(number) for number in range(9)))
        return served

    assert asyncio.run(main()) == list(range(9))


def ask_in_vain(ask: Asker) -> None:
    with contextlib.suppress(httpx.HTTPError):
        ask.http.post("/v1/chat/completions", json=BODY, headers=KEY)


def admitted(ask: Asker, requests: int) -> bool:
    accounts = ask.http.get("/stats").json()["accounts"].values()
    return bool(sum(each["admitted"]["requests"]["total"] for each in accounts) >= requests)


@pytest.mark.parametrize(
    ("text", "storm"),
    [
        ("429=10s/60s", Storm("429", 10, 60)),
        ("hang = 2/30", Storm("hang", 2, 30)),
        ("500=.5s/1.5s@0s", Storm("500", 0.5, 1.5, 0)),
    ],
)
def test_a_storm_is_read_as_typed(text: str, storm: Storm) -> None:
    assert parse_storm(text) == storm


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("429=10s", "is not NAME=LENGTH/PERIOD"),
        ("429=ten/60", "is not NAME=LENGTH/PERIOD"),
        ("gremlins=1/2", "unknown fault 'gremlins'"),
        ("429=10/5", "no longer than until the next"),
        ("429=0/5", "longer than 0 s"),
    ],
)
def test_a_storm_that_cannot_be_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_storm(text)


def test_a_storm_comes_at_the_end_of_its_period_or_when_it_is_told_to() -> None:
    def raging(storm: Storm) -> list[int]:
        return [second for second in range(130) if storm.rages(second)]

    assert raging(Storm("429", 3, 60)) == [57, 58, 59, 117, 118, 119]
    assert raging(Storm("429", 2, 50, 10)) == [10, 11, 60, 61, 110, 111]


def test_in_a_storm_everybody_has_the_same_fate(running: Running) -> None:
    always = Storm("no_retry_after", 60, 60, 0)
    with running(storms=[always, Storm("500", 60, 60, 0)]) as ask:
        answers = [*(ask.chat() for _ in range(3)), ask.claude()]
        faults = ask.http.get("/stats").json()["faults"]

    assert [answer.status_code for answer in answers] == [429] * 4
    assert not [answer for answer in answers if "retry-after" in answer.headers]
    assert answers[0].json()["error"]["code"] == "rate_limit_exceeded"
    assert faults == {"no_retry_after": 4}


def test_an_empty_answer_is_a_200_with_nothing_in_it(running: Running) -> None:
    with running(faults={"nothing": 1}) as ask:
        answer = ask.chat()

    assert (answer.status_code, answer.content) == (200, b"")


def test_what_is_not_http_is_no_answer(running: Running) -> None:
    with running(faults={"not_http": 1}) as ask, pytest.raises(httpx.RemoteProtocolError):
        ask.chat()


def test_a_stalled_answer_stops_half_way_and_keeps_the_connection(running: Running) -> None:
    with running(faults={"stall": 1}) as ask, pytest.raises(httpx.ReadTimeout):
        ask.http.post("/v1/chat/completions", json=BODY, headers=KEY, timeout=0.3)


def test_a_wrong_length_cuts_the_answer_and_leaves_its_rest_on_the_connection(running: Running) -> None:
    with running(faults={"wrong_length": 1}) as ask:
        answer = ask.chat()

    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        answer.json()
