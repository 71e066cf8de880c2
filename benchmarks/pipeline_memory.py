"""
Memory and CPU of a partition through all assets, by Dagster, in one process: many rows beside few.

The simulator runs in a process of its own and is not counted. Resident memory is the peak that the
kernel saw (`ru_maxrss`), so it holds Dagster, DuckDB and everything else the run imports.

    .venv/bin/python benchmarks/pipeline_memory.py [rows]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from surroundings import clean_environment, simulator

_FEW = 200
_DAY = "2026-11-16"
_DATASET = """
description: Single turns.
owners: ["team:bench"]
partitions: {type: daily, start_date: "2026-11-16"}
defaults: {client: openai, model: gpt-4.1-mini, max_tokens: 500}
max_in_flight: 128
"""


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        _run_partition(int(sys.argv[2]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with simulator("--latency-ms", "50") as url:
        few, many = (_measured(count, url) for count in (_FEW, rows))
    print(f"{'rows':>8} {'peak RSS':>10} {'seconds':>9} {'CPU s':>7}")
    for each in (few, many):
        print(f"{each['rows']:>8} {each['rss_mb']:>7.0f} MB {each['seconds']:>9.1f} {each['cpu_s']:>7.1f}")
    print(f"peak RSS, {rows} rows against {_FEW}: {many['rss_mb'] / few['rss_mb']:.2f} times")
    each_row = (many["cpu_s"] - few["cpu_s"]) / (rows - _FEW) * 1000
    print(f"CPU per row through all five assets: {each_row:.2f} ms")


def _measured(rows: int, url: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--child", str(rows)],
            env=clean_environment(MINFERENCE_DATA=folder, MINFERENCE_SIMULATOR=url),
            stdout=subprocess.PIPE,
            check=True,
        )
    return dict(json.loads(child.stdout.splitlines()[-1]))


def _run_partition(rows: int) -> None:
    import dagster as dg
    import polars as pl

    from minference_assets.components import ConversationDataset
    from minference_assets.resources import Lake, Providers, Silent

    folder = Path(os.environ["MINFERENCE_DATA"]) / "thread_specs" / "bench" / _DAY
    folder.mkdir(parents=True)
    words = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12
    specs = [{"thread_key": f"t{n}", "prompt": f"Case {n}. {words}"} for n in range(rows)]
    pl.DataFrame(specs).write_parquet(folder / "part-0.parquet")
    definitions = dg.Definitions.merge(
        ConversationDataset.resolve_from_yaml(_DATASET).defs_of("bench"),
        dg.Definitions(
            executor=dg.in_process_executor,
            resources={"lake": Lake(), "providers": Providers(), "listener": Silent()},
        ),
    )
    started = time.monotonic()
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("bench").execute_in_process(
            instance=instance,
            tags={"dagster/asset_partition_range_start": _DAY, "dagster/asset_partition_range_end": _DAY},
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    assert result.success
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "rows": rows,
        "rss_mb": usage.ru_maxrss / 1024,
        "seconds": time.monotonic() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
