"""
Resident memory of many requests beside that of few, from Parquet to the store.

Each phase runs in a process of its own, so that its peak (`ru_maxrss`, with all that is imported) is its
own: the plan, the run that asks (which writes the exchanges at its end), the exchanges by themselves, the
versions that are made of them, the fold that takes those into the store, and the transcripts. A process
begins with the peak of the one that started it, so this one does nothing that takes memory.
Everything is asked of the fast server, which is not counted.

    .venv/bin/python benchmarks/engine_memory.py [few] [many]

`200000 1000000` is what the project promises something for, until the exchanges are there: at most 600 MB,
and 20 % between the two. It takes an hour and more.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fast_server import fast_server

_MOST_MB = 600
_MOST_TIMES = 1.2
_IN_FLIGHT = 256
_ROWS_AT_A_TIME = 100_000
_WORDS = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12
_OF_ENGINE = ("plan", "ask", "exchanges")
_PHASES = (*_OF_ENGINE, "versions", "fold", "transcripts")


def main() -> None:
    if sys.argv[1:2] == ["--phase"]:
        phase, folder, url = sys.argv[2:]
        print(json.dumps(_measured(phase, Path(folder), url)))
        return
    few, many = (int(value) for value in (sys.argv[1:] + ["20000", "100000"][len(sys.argv) - 1 :]))
    print(f"{'requests':>9} {'phase':<10} {'peak RSS':>9} {'seconds':>8} {'CPU ms each':>12}")
    with fast_server(latency_ms=20) as url:
        peaks = [_all_phases(count, url) for count in (few, many)]
    for phase, first, second in zip(_PHASES, *peaks, strict=True):
        print(f"{phase:<10} {many} requests take {second / first:.2f} times the memory of {few}")
    few_mb, many_mb = (max(peak[: len(_OF_ENGINE)]) for peak in peaks)
    print(f"engine: at most {many_mb:.0f} MB ({_MOST_MB} are promised),", end=" ")
    print(f"{many_mb / few_mb:.2f} times ({_MOST_TIMES})")


def _all_phases(count: int, url: str) -> list[float]:
    """The peak of each phase in megabytes."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        _in_a_process(f"specs {count}", folder, url)
        for phase in _PHASES:
            found = _in_a_process(phase, folder, url)
            each = found["cpu_s"] / count * 1000
            print(
                f"{count:>9} {phase:<10} {found['rss_mb']:>6.0f} MB {found['seconds']:>8.1f} {each:>12.3f}",
                flush=True,
            )
            peaks.append(found["rss_mb"])
    return peaks


def _in_a_process(phase: str, folder: str, url: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--phase", phase, folder, url]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return found


def _write_specs(folder: Path, count: int) -> None:
    folder.mkdir()
    schema = pa.schema([("thread_key", pa.string()), ("prompt", pa.string())])
    with pq.ParquetWriter(folder / "part-0.parquet", schema) as writer:
        for start in range(0, count, _ROWS_AT_A_TIME):
            numbers = range(start, min(start + _ROWS_AT_A_TIME, count))
            rows = [{"thread_key": f"t{n}", "prompt": f"Case {n}. {_WORDS}"} for n in numbers]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _measured(phase: str, folder: Path, url: str) -> dict[str, float]:
    started = time.monotonic()
    if phase.startswith("specs "):
        _write_specs(folder / "specs", int(phase.removeprefix("specs ")))
    else:
        _run(phase, folder, url)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rss_mb": usage.ru_maxrss / 1024,
        "seconds": time.monotonic() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def _run(phase: str, folder: Path, url: str) -> None:
    from pydantic import SecretStr

    from minference_core.conversations import plan_requests, run_conversations
    from minference_core.engine import Lane, write_exchanges
    from minference_core.export import write_transcripts
    from minference_core.lineage import definitions, write_versions
    from minference_core.specs import Partition, SpecDefaults, SpecSource
    from minference_core.store import Store

    source = SpecSource(
        Partition("bench", "2026-11-16", datetime(2026, 11, 16, tzinfo=UTC)),
        folder / "specs",
        SpecDefaults(client="openai", model="gpt-4.1-mini"),
    )
    requests, journal = folder / "requests.parquet", folder / "journal"
    exchanges = folder / "exchanges.parquet"
    match phase:
        case "plan":
            plan_requests(source, requests, journal=journal, limits={})
        case "ask":
            report = asyncio.run(
                run_conversations(
                    source,
                    requests=requests,
                    journal=journal,
                    exchanges=exchanges,
                    lanes={"openai": Lane(client="openai", base_url=url, api_key=SecretStr("sk-bench"))},
                    run_id="bench",
                    stop=asyncio.Event(),
                    max_in_flight=_IN_FLIGHT,
                )
            )
            assert report.complete == report.threads, report
        case "exchanges":
            write_exchanges(journal, folder / "again.parquet", {}, generation=0)
        case "versions":
            inbox = folder / "inbox"
            write_versions(source, exchanges=exchanges, inbox=inbox, code_version="1", run_id="bench")
        case "fold":
            Store(folder, definitions()).fold()
        case "transcripts":
            write_transcripts(source, exchanges=exchanges, target_folder=folder / "transcripts")


if __name__ == "__main__":
    main()
