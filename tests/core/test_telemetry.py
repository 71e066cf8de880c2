"""OpenTelemetry: on when the environment asks for it, by the conventions' names, and never in the way."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from minference_core.engine import Lane, LaneLimits, RunStats
from minference_core.engine.telemetry import Telemetry, telemetry
from minference_core.errors import ErrorClass
from minference_core.requests import Meaning, Weight
from minference_core.threads import Reply, TokenUsage
from tests.conftest import specs, write_specs

PROMPT, KEY = "the secret of the sea", "sk-nobody-may-see-this"


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


class Wire:
    path = "/chat/completions"


class Asked:
    """As much of a request as is told of."""

    client, model, wire = "openai", "gpt-4.1-mini", Wire()


def points(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    """By metric, the attributes and the data of each of its points."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: [(dict(point.attributes or {}), point) for point in metric.data.data_points]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_what_is_told_has_the_conventions_names() -> None:
    reader = InMemoryMetricReader()
    stats = RunStats(telemetry=Telemetry(MeterProvider([reader], shutdown_on_exit=False)))
    lane = Lane(client="openai", base_url="http://x", limits=LaneLimits(requests_per_minute=600))
    usage = TokenUsage(prompt_tokens=100, completion_tokens=20)
    for meaning in [
        Meaning(None, ErrorClass.RATE_LIMIT),
        Meaning(Reply(text=PROMPT, finish="stop", usage=usage)),
    ]:
        stats.request_sent(lane, Weight(100, 20, 100, 20))
        stats.ended(lane, Asked(), meaning, 0.5)  # type: ignore[arg-type]
    stats.retried(lane)
    stats.request_sent(lane, Weight(100, 20, 100, 20))
    stats.progress()

    told = points(reader)

    of_it = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
    }
    durations = {at.get("error.type"): (at, point) for at, point in told["gen_ai.client.operation.duration"]}
    assert durations["rate_limit"][0] == {**of_it, "error.type": "rate_limit"}
    assert (durations[None][0], durations[None][1].sum) == (of_it, 0.5)
    assert durations[None][1].explicit_bounds[:2] == (0.01, 0.02)
    assert {at["gen_ai.token.type"]: point.sum for at, point in told["gen_ai.client.token.usage"]} == {
        "input": 100, "output": 20,
    }  # fmt: skip
    assert [(at, point.value) for at, point in told["minference.requests.rate_limited"]] == [(of_it, 1)]
    assert [point.value for _, point in told["minference.requests.retried"]] == [1]
    assert [point.value for _, point in told["minference.requests.in_flight"]] == [1]
    assert 0 < told["minference.limit.share"][0][1].value < 1
    assert told["minference.cost"][0][1].value == pytest.approx(float(stats.cost_usd)) != 0


def test_nothing_is_told_and_nothing_imported_unless_asked_for() -> None:
    assert telemetry() is None
    assert RunStats().telemetry is None
    code = "import minference_core.conversations, sys; print('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"OTEL_SERVICE_NAME": "me"}, id="other variables"),
        pytest.param({"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, id="none"),
        pytest.param({"OTEL_SDK_DISABLED": "true", "OTEL_METRICS_EXPORTER": "otlp"}, id="disabled"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, id="blank"),
    ],
)
def test_the_standard_variables_say_no(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert telemetry() is None


class Collector(BaseHTTPRequestHandler):
    """An OTLP receiver on a socket, that reads what it gets."""

    received: ClassVar[list[ExportMetricsServiceRequest]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/metrics"
        self.received.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


RUN = textwrap.dedent("""
    import asyncio, sys, time
    from pathlib import Path
    from pydantic import SecretStr
    from minference_core.engine import Lane
    from minference_core.conversations import run_conversations
    from tests.conftest import Pipeline
    made = Pipeline(data=Path(sys.argv[1]), url=sys.argv[2], key=sys.argv[3])
    started = time.monotonic()
    report = made.run()
    print(report.complete, time.monotonic() - started)
""")


def run(folder: Path, url: str, **environment: str) -> tuple[int, float, str]:
    """A run in a process of its own: its complete threads, the seconds it took in all, what was logged."""
    write_specs(
        folder / "thread_specs" / "chat" / "2026-11-16", [{**row, "prompt": PROMPT} for row in specs(20)]
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), url, KEY],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return int(done.stdout.split()[0]), time.monotonic() - started, done.stderr


def test_a_collector_gets_what_a_run_did_and_no_secret(
    tmp_path: Path, collector: str, simulator: Callable[..., str]
) -> None:
    complete, _, _ = run(tmp_path, simulator(), OTEL_EXPORTER_OTLP_ENDPOINT=collector)

    assert complete == 20
    last = Collector.received[-1].resource_metrics[0]
    names = {metric.name: metric for scope in last.scope_metrics for metric in scope.metrics}
    (duration,) = names["gen_ai.client.operation.duration"].histogram.data_points
    assert duration.count == 20
    assert {a.key: a.value.string_value for a in last.resource.attributes}["service.name"] == "minference"
    text = "".join(map(str, Collector.received))
    assert PROMPT not in text
    assert KEY not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("state", ["refusing", "silent", "failing"])
def test_a_broken_collector_ends_no_run_and_hardly_holds_it_up(
    state: str, tmp_path: Path, silent: str, collector: str, simulator: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Collector, "status", 503)
    url = simulator()
    _, usual_s, _ = run(tmp_path / "usual", url)

    address = {"refusing": "http://127.0.0.1:9", "silent": silent, "failing": collector}[state]
    complete, took_s, _ = run(tmp_path / "data", url, OTEL_EXPORTER_OTLP_ENDPOINT=address)

    assert complete == 20
    # The exporter itself goes on trying for ten seconds; the run waits for two of them, once.
    assert took_s - usual_s < 8


def test_what_cannot_be_set_up_is_said_once_and_ends_nothing(
    tmp_path: Path, simulator: Callable[..., str]
) -> None:
    complete, _, said = run(tmp_path, simulator(), OTEL_METRICS_EXPORTER="prometheus")

    assert complete == 20
    assert said.count("metrics are exported by otlp over http/protobuf only, not by prometheus") == 1


def test_a_program_with_a_provider_of_its_own_keeps_it() -> None:
    code = textwrap.dedent("""
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        mine = MeterProvider(shutdown_on_exit=False)
        metrics.set_meter_provider(mine)
        from minference_core.engine.telemetry import telemetry
        assert telemetry()._provider is mine
    """)
    environment = {**os.environ, "OTEL_METRICS_EXPORTER": "otlp"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
