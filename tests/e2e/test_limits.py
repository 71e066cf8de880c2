"""
An account's limits by the server's own windows: for one process, for four that share, as Anthropic counts.

One request of ten is large: at OpenAI its tokens are more than a second's worth, which is all that the bucket
holds. How much of a limit is used is said by `benchmarks/limits_used.py`, which needs a quiet machine.
"""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from minference_core.simulator import SimulatorSettings, simulator_in_thread
from minference_core.specs import SpecDefaults
from tests.conftest import Row, write_specs
from tests.e2e.processes import get_ready, journal_records, kill, log_lines, start
from tests.e2e.sharing import DONE, Sharing, ask

pytestmark = pytest.mark.slow

REQUESTS, LARGE_ONE_IN = 80, 10
# How many places a request may lose on its way to the server, and how long it may take for it.
PLACES, JITTER_S = 5, 0.08
VARIABLES = {
    "requests_per_minute": "RPM",
    "tokens_per_minute": "TPM",
    "input_tokens_per_minute": "INPUT_TPM",
    "output_tokens_per_minute": "OUTPUT_TPM",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    So many processes, and the account that they share.

    Attributes:
        large: A large request's `max_tokens`, and the words of its prompt.
        small: A small one's.
    """

    processes: int
    client: str
    model: str
    limits: Mapping[str, int]
    large: tuple[int, int]
    small: tuple[int, int] = (400, 4)


# Large ones take a second and a fifth of the tokens, and half a second of either where these count apart.
OPENAI = {
    "client": "openai",
    "model": "gpt-4.1-mini",
    "limits": {"requests_per_minute": 1_800, "tokens_per_minute": 1_200_000},
    "large": (24_000, 4),
}
SCENES: dict[str, Any] = {
    "one process": Scene(processes=1, **OPENAI),  # type: ignore[arg-type]
    "four processes": Scene(processes=4, **OPENAI),  # type: ignore[arg-type]
    "input and output apart": Scene(
        processes=2,
        client="anthropic",
        model="claude-haiku-4-5",
        limits={"input_tokens_per_minute": 360_000, "output_tokens_per_minute": 960_000},
        large=(9_000, 2_400),
    ),
}


@dataclass(slots=True)
class Seen:
    """
    What the server saw of a scene.

    Attributes:
        arrivals: Keys of requests, in the order in which they came.
        late: How many came so late that the machine must have been busy: these may cost a refusal.
    """

    stats: dict[str, Any]
    arrivals: list[str]
    late: int
    partitions: list[Sharing]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """All scenes at once, as each has its own server and most of its time is spent waiting."""
    get_ready()
    with ExitStack() as running:
        begun = {
            name: _begun(scene, tmp_path_factory.mktemp("scene"), running) for name, scene in SCENES.items()
        }
        for _, _, processes in begun.values():
            for process in processes:
                process.join(240)
        assert {process.exitcode for _, _, processes in begun.values() for process in processes} == {DONE}
        yield {name: _seen(url, partitions) for name, (url, partitions, _) in begun.items()}


def _begun(scene: Scene, folder: Path, running: ExitStack) -> tuple[str, list[Sharing], list[Any]]:
    server = SimulatorSettings(latency_ms=100, log=folder / "log", **scene.limits)  # type: ignore[arg-type]
    url = running.enter_context(simulator_in_thread(server))
    name = scene.client.upper()
    settings = {f"{name}_{VARIABLES[limit]}": str(most) for limit, most in scene.limits.items()}
    settings |= {f"{name}_BASE_URL": url, f"{name}_API_KEY": "sk-of-nobody", "MINFERENCE_SIMULATOR": ""}
    partitions = [
        Sharing(
            data=folder / "data",
            day=f"part-{n}",
            defaults=SpecDefaults(client=scene.client, model=scene.model),
            environment=settings,
            max_in_flight=REQUESTS,
        )
        for n in range(scene.processes)
    ]
    for made in partitions:
        write_specs(made.specs, _rows(scene, made.day))
    processes = [start(ask, made, f"run-of-{made.day}") for made in partitions]
    running.callback(kill, processes)
    return url, partitions, processes


def _rows(scene: Scene, day: str) -> list[Row]:
    rows: list[Row] = []
    for n in range(REQUESTS // scene.processes):
        max_tokens, words = scene.large if n % LARGE_ONE_IN == LARGE_ONE_IN // 2 else scene.small
        prompt = f"{day}, number {n}:" + " word" * words
        rows.append({"thread_key": f"{n:04d}", "prompt": prompt, "max_tokens": max_tokens})
    return rows


def _seen(url: str, partitions: list[Sharing]) -> Seen:
    with urllib.request.urlopen(f"{url}/stats", timeout=30) as response:  # noqa: S310 (it is our own)
        stats = json.load(response)
    log = sorted(log_lines(partitions[0].data.parent / "log"), key=lambda line: line["seq"])
    arrivals: defaultdict[str, list[float]] = defaultdict(list)
    for line in log:
        arrivals[line["client_request_id"]].append(line["t"])
    late = 0
    for record in (record for made in partitions for record in journal_records(made.journal)):
        if record["kind"] == "intent":
            came = arrivals[record["request_key"]][record["attempt"] - 1]
            late += came - datetime.fromisoformat(record["sent_at"]).timestamp() > JITTER_S
    return Seen(stats, [line["client_request_id"] for line in log], late, partitions)


@pytest.mark.parametrize("scene", SCENES)
def test_no_window_of_the_servers_ever_holds_more_than_the_limit_and_nothing_is_refused(
    seen: dict[str, Seen], scene: str
) -> None:
    stats = seen[scene].stats
    (account,) = stats["accounts"].values()

    assert stats["by_status"]["200"] == REQUESTS
    assert stats["requests"] - REQUESTS == stats["by_status"].get("429", 0) <= seen[scene].late
    assert {f"{kind}_per_minute" for kind in account["limits"]} == set(SCENES[scene].limits)
    for kind, limit in account["limits"].items():
        meter = account["admitted"][kind]  # all that came, unless something was refused
        burst = max(limit["burst"], meter["largest"])
        assert meter["max_1s"] <= limit["per_minute"] / 60 + burst
        assert meter["max_60s"] <= limit["per_minute"] + burst


@pytest.mark.parametrize("scene", SCENES)
def test_large_requests_come_in_their_turn_and_so_do_the_small_ones(
    seen: dict[str, Seen], scene: str
) -> None:
    arrived, partitions = seen[scene].arrivals, seen[scene].partitions
    asked = {made.day: [row["request_key"] for row in made.request_rows()] for made in partitions}
    large = {key for keys in asked.values() for key in keys[LARGE_ONE_IN // 2 :: LARGE_ONE_IN]}
    for keys in asked.values():
        first = sorted(keys, key=arrived.index)  # the first time, should there have been a second
        assert all(abs(first.index(key) - n) <= PLACES for n, key in enumerate(keys))
        for one, after in pairwise(sorted(map(arrived.index, keys))):
            passed = large & set(arrived[one + 1 : after]) - set(keys)
            assert len(passed) <= 2 * (len(partitions) - 1)  # in the time that others take for their turns

    assert len(large) == REQUESTS // LARGE_ONE_IN
