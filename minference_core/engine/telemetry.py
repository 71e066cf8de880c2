"""
Metrics for OpenTelemetry, where the environment asks for them and `minference[otel]` is installed.

They follow the conventions for generative AI where there is one, and are named `minference.` where there is
none. No prompt, reply, key or address is in an attribute. Exporting is the SDK's, on a thread of its own;
a collector that is slow or gone costs a run at most `_PATIENCE_S` at its end, once.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from minference_core.errors import ErrorClass

if TYPE_CHECKING:
    from decimal import Decimal

    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    from minference_core.engine.asked import Sendable
    from minference_core.engine.limits import Lane
    from minference_core.engine.stats import RunStats
    from minference_core.requests import Meaning

__all__ = ["Telemetry", "flush", "telemetry"]

log = logging.getLogger(__name__)

# How long the end of a run or of the process waits for the last export.
_PATIENCE_S = 2.0
_ADDRESSES = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

# The conventions' own, so that everybody's dashboards fit.
_DURATION_BOUNDS_S = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]  # fmt: skip
_TOKEN_BOUNDS = [
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
]  # fmt: skip

Attributes = dict[str, str | bool]


class Telemetry:
    """The instruments, and what is recorded in them. One for all runs of a process."""

    def __init__(self, provider: "MeterProvider") -> None:
        self._provider = provider
        self._runs: WeakSet[RunStats] = WeakSet()
        meter = provider.get_meter("minference")
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_DURATION_BOUNDS_S,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS,
        )
        self._rate_limited = meter.create_counter(
            "minference.requests.rate_limited", unit="{request}", description="Attempts answered with 429."
        )
        self._retried = meter.create_counter(
            "minference.requests.retried", unit="{request}", description="Attempts that were repeated."
        )
        self._cost = meter.create_counter(
            "minference.cost", unit="{USD}", description="Dollars of the answers whose price is known."
        )
        meter.create_observable_gauge(
            "minference.requests.in_flight",
            [self._observed(lambda run: run.on_their_way())],
            unit="{request}",
            description="Requests on their way.",
        )
        meter.create_observable_gauge(
            "minference.limit.share",
            [self._observed(lambda run: run.recent_share)],
            unit="1",
            description="The recently used part of a lane's tightest limit.",
        )

    def watch(self, run: "RunStats") -> None:
        """Tell of what a run has in flight for as long as it is there."""
        self._runs.add(run)

    def ended(
        self,
        lane: "Lane",
        request: "Sendable",
        meaning: "Meaning",
        latency_s: float,
        cost_usd: "Decimal | None",
    ) -> None:
        """Record an attempt."""
        of_it: Attributes = {
            "gen_ai.operation.name": _operation(request.wire.path),
            "gen_ai.provider.name": lane.client,
        }
        if request.model is not None:
            of_it["gen_ai.request.model"] = request.model
        if lane.simulated:
            of_it["minference.simulated"] = True
        if meaning.reply is None:
            error = meaning.error or ErrorClass.CONNECTION
            self._duration.record(latency_s, {**of_it, "error.type": str(error)})
            if error is ErrorClass.RATE_LIMIT:
                self._rate_limited.add(1, of_it)
            return
        self._duration.record(latency_s, of_it)
        usage = meaning.reply.usage
        for kind, count in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            if count is not None:
                self._tokens.record(count, {**of_it, "gen_ai.token.type": kind})
        if cost_usd:
            self._cost.add(float(cost_usd), of_it)

    def retried(self, lane: "Lane") -> None:
        self._retried.add(1, {"gen_ai.provider.name": lane.client})

    def flush(self) -> None:
        """Export what there is; takes as long as the exporter does."""
        flush = getattr(self._provider, "force_flush", None)  # the API alone has none
        if flush is not None:
            flush()

    def _observed(
        self, look: "Callable[[RunStats], Mapping[str, float]]"
    ) -> "Callable[[CallbackOptions], Iterable[Observation]]":
        from opentelemetry.metrics import Observation

        def observe(_: "CallbackOptions") -> Iterable[Observation]:
            found: dict[str, float] = {}
            for run in list(self._runs):
                for client, value in look(run).items():
                    found[client] = found.get(client, 0) + value
            return [Observation(value, {"gen_ai.provider.name": client}) for client, value in found.items()]

        return observe


def telemetry() -> Telemetry | None:
    """What the environment asks for; None, and nothing imported, when that is nothing."""
    return _made() if _is_asked_for() else None


def flush() -> None:
    """
    Export what was recorded, if anything is, and wait a little for it.

    A collector that does not answer within that time is not waited for again.
    """
    if _is_asked_for() and (made := _made()) is not None:
        _Patience.run(made.flush)


class _Patience:
    """Waits for somebody else's work, until it was once in vain."""

    lost = False

    @classmethod
    def run(cls, work: Callable[[], object]) -> None:
        if cls.lost:
            return
        thread = threading.Thread(target=_quietly, args=(work,), daemon=True, name="minference-telemetry")
        thread.start()
        thread.join(_PATIENCE_S)
        if thread.is_alive():
            cls.lost = True
            log.warning("the OpenTelemetry collector does not answer: its metrics may be incomplete")


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # an exporter's own troubles end nothing of ours
        log.exception("metrics could not be exported")


def _is_asked_for() -> bool:
    exporter, disabled = _said("OTEL_METRICS_EXPORTER"), _said("OTEL_SDK_DISABLED")
    if disabled == "true" or exporter == "none":
        return False
    return exporter != "" or any(map(_said, _ADDRESSES))


def _said(name: str) -> str:
    return os.environ.get(name, "").strip().lower()


@lru_cache(maxsize=1)
def _made() -> Telemetry | None:
    try:
        provider = _provider()
    except ImportError:
        log.warning("OpenTelemetry metrics are asked for, but not installed: pip install 'minference[otel]'")
    except Exception:  # a variable that the SDK cannot read
        log.exception("OpenTelemetry metrics are asked for, but cannot be set up")
    else:
        if provider is not None:
            return Telemetry(provider)
    return None


def _provider() -> "MeterProvider | None":
    """The program's own, if it has set one up, else one that exports as the environment says."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    if isinstance(theirs := metrics.get_meter_provider(), MeterProvider):
        return theirs
    exporter = _exporter()
    if exporter is None:
        return None
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME)).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "minference"}))
    reader = PeriodicExportingMetricReader(exporter)
    # Its own goodbye would wait for a collector that is gone for as long as that takes.
    ours = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    atexit.register(_Patience.run, ours.shutdown)
    return ours


def _exporter() -> Any:
    wanted = _said("OTEL_METRICS_EXPORTER") or "otlp"
    protocol = next(filter(None, map(_said, _PROTOCOLS)), "http/protobuf")
    if wanted != "otlp" or protocol != "http/protobuf":
        log.warning("metrics are exported by otlp over http/protobuf only, not by %s, %s", wanted, protocol)
        return None
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()


def _operation(path: str) -> str:
    """The conventions' word for what an endpoint does."""
    if path.endswith("embeddings"):
        return "embeddings"
    if path.endswith("completions") and not path.endswith("chat/completions"):
        return "text_completion"
    return "chat"
