"""What the simulator writes down and counts."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from minference_core.simulator import SimulatorSettings, simulator_in_thread
from tests.core.simulator.conftest import Running

FIELDS = [
    "t",
    "path",
    "client_request_id",
    "body_sha256",
    "model",
    "status",
    "fault",
    "request_id",
    "prompt_tokens",
    "completion_tokens",
    "max_tokens",
    "seq",
]


def lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_line_is_there_before_its_answer_is(running: Running, tmp_path: Path) -> None:
    log = tmp_path / "new" / "folder" / "log.jsonl"
    with running(log=log) as ask:
        response = ask.chat(max_tokens=300, headers={"x-client-request-id": "abc"})
        (line,) = lines(log)

    usage = response.json()["usage"]
    assert list(line) == FIELDS
    assert abs(time.time() - float(str(line.pop("t")))) < 60
    assert line == {
        "path": "/v1/chat/completions",
        "client_request_id": "abc",
        "body_sha256": hashlib.sha256(response.request.content).hexdigest(),
        "model": "gpt-4.1-mini",
        "status": 200,
        "fault": None,
        "request_id": response.headers["x-request-id"],
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "max_tokens": 300,
        "seq": 1,
    }


def test_every_request_has_one_line_whatever_became_of_it(running: Running, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with running(log=log, requests_per_minute=240) as ask:
        statuses = [
            ask.chat(headers={"Authorization": ""}).status_code,
            ask.chat(messages=[]).status_code,
            ask.chat(model="no-such-model").status_code,
            ask.chat().status_code,
            ask.claude().status_code,
            *(ask.chat().status_code for _ in range(3)),
        ]

    assert statuses[:5] == [401, 400, 404, 200, 200]
    assert statuses[-1] == 429
    assert [line["status"] for line in lines(log)] == statuses
    assert [line["seq"] for line in lines(log)] == list(range(1, 9))


def test_a_second_simulator_adds_to_the_same_log(running: Running, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for _ in range(2):
        with running(log=log) as ask:
            ask.chat()

    assert len(lines(log)) == 2


def test_counters_are_served_and_kept(running: Running) -> None:
    with running(faults={"garbage": 0.5}, seed=3) as ask:
        for n in range(10):
            ask.chat(f"question {n}")
        ask.chat(messages=[])
        stats = ask.http.get("/stats").json()

    assert stats["requests"] == stats["answered"] == 11
    assert stats["by_status"] == {"200": 10, "400": 1}
    assert 0 < stats["faults"]["garbage"] < 10
    assert (stats["in_flight"], stats["peak_in_flight"]) == (0, 1)
    assert stats["first"] <= stats["last"]


def test_a_port_that_is_taken_is_an_error_not_a_wait() -> None:
    with simulator_in_thread() as url:
        port = int(url.rsplit(":", 1)[1])
        with (
            pytest.raises(OSError, match="address already in use"),
            simulator_in_thread(SimulatorSettings(port=port)),
        ):
            pass


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_jitter": 2}, "latency_jitter"),
        ({"requests_per_minute": 0}, "requests_per_minute is 0: use at least 1, or None"),
        ({"faults": {"boom": 1}}, "unknown fault 'boom'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SimulatorSettings(**settings)  # type: ignore[arg-type]
