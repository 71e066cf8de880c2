"""
A store of many versions: how fast it takes them in, how large it is, and how long questions take, beside the
naive forms.

Naive are: versions as JSON rows, ids that do not begin with their time, and ancestors by a recursion over the
whole table. An agent's loop of a thousand versions is stored and resolved besides.

    .venv/bin/python benchmarks/store_scale.py [thread versions ...]     # 100000 1000000 when left out
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from store_data import THREADS_A_DAY, VERSIONS_A_THREAD, day_key, write_days

from minference_core.lineage import EntityStore, definitions
from minference_core.store import Store, connect
from minference_core.threads import ChatMessage, ChatThread, LLMConfig

_ASKED = 15  # lineages, for each question
_WARM = 3
_LOOP = 1_000
_NAIVE_DAYS, _RATE_DAYS = 2, 16

# One lineage at a time; `version` is its last, `other` the one before it.
QUESTIONS = {
    "lineage": "from lineage($lineage)",
    "ancestors": "from ancestors($version)",
    "descendants": "from descendants($other)",
    "lineage_tree": "from lineage_tree($lineage)",
    "transcript": "from transcript($version)",
    "thread_diff": "from thread_diff($other, $version)",
    "version_diff": "from version_diff($other, $version)",
    "forks": "from forks($lineage)",
    "thread_as_of": "from thread_as_of($lineage, '2100-01-01')",
    "provenance": "from provenance($version)",
    "mermaid": "select mermaid($lineage)",
    "old_ids": "select old_ids($version)",
}
ROLL_UPS = {
    "usage of a tenth of the days": """
        select client, model, sum(cost_usd) from usage_daily where day < $until group by all""",
    "failures of a tenth of the days": """
        select error_class, count(*) from failures where partition_key < $key group by all""",
    "versions of a tenth of the days": """
        select count(*) from thread_version where partition_key < $key""",
    "transcripts of one day": """
        select count(*), sum(len(messages)) from transcripts where partition_key = $day""",
}
_WHOLE_TABLE = """
with recursive ancestry as (
    select id, parent_id from thread_version where id = $version::uuid
    union all
    select thread_version.id, thread_version.parent_id
    from ancestry inner join thread_version on thread_version.id = ancestry.parent_id
)
select count(*) from ancestry
"""


def main() -> None:
    sizes = [int(value) for value in sys.argv[1:]] or [100_000, 1_000_000]
    with tempfile.TemporaryDirectory() as folder:
        _print_agent_loop(Path(folder) / "loop")
        _print_fold_rates(Path(folder) / "rates")
        _print_naive(Path(folder) / "naive")
        for size in sizes:
            days = max(1, round(size / (THREADS_A_DAY * VERSIONS_A_THREAD)))
            with _made(Path(folder) / str(size), days) as store:
                _print_questions(store.published, days)


@contextmanager
def _made(data: Path, days: int) -> Iterator[Store]:
    """A store of that many days; prints what it took."""
    started = time.perf_counter()
    written = write_days(data / "inbox", days)
    made_s = time.perf_counter() - started
    store = Store(data, definitions())
    started, cpu = time.perf_counter(), time.process_time()
    store.fold()
    folded_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    size = store.published.stat().st_size
    print(f"\n{written.thread_versions:,} thread versions")
    print(f"  {written.messages:,} messages, {written.exchanges:,} exchanges")
    print(f"  segments written        {made_s:10.1f} s, words drawn included")
    print(f"  folded and published    {folded_s:10.1f} s, {cpu_s:.1f} s of CPU")
    print(f"  the file                {size / 1e6:10.1f} MB, {size / written.text_bytes:.2f} of the raw text")
    try:
        yield store
    finally:
        shutil.rmtree(data)


def _print_questions(published: Path, days: int) -> None:
    asked = random.Random(2026)
    with connect(published) as con:
        named = [_one_lineage(con, asked, days) for _ in range(_ASKED)]
        seconds = {name: _took(con, sql, named) for name, sql in QUESTIONS.items()}
        for name, took in seconds.items():
            print(f"  {name:<24}{1e3 * took:10.1f} ms")
        whole = _took(con, _WHOLE_TABLE, named[:3])
        slower = whole / seconds["ancestors"]
        print(f"  ancestors, whole table  {1e3 * whole:10.1f} ms, {slower:.1f} times as long")
        tenth = max(1, days // 10)
        values = {"until": day_key(tenth), "key": day_key(tenth), "day": day_key(days // 2)}
        for name, sql in ROLL_UPS.items():
            print(f"  {name:<34}{_took(con, sql, [values]):8.3f} s")


def _one_lineage(con: duckdb.DuckDBPyConnection, asked: random.Random, days: int) -> dict[str, str]:
    found = con.execute(
        "select lineage_id::varchar, max_by(id, version_no)::varchar, max_by(parent_id, version_no)::varchar"
        " from thread_version where partition_key = $1 and thread_key = $2 group by 1",
        [day_key(asked.randrange(days)), f"thread-{asked.randrange(THREADS_A_DAY):05d}"],
    ).fetchone()
    assert found is not None
    return dict(zip(("lineage", "version", "other"), found, strict=True))


def _took(con: duckdb.DuckDBPyConnection, sql: str, asked: list[dict[str, Any]]) -> float:
    """Seconds of the middle one, warm."""
    times = []
    for _ in range(_WARM):
        for values in asked:
            used = {name: value for name, value in values.items() if f"${name}" in sql}
            started = time.perf_counter()
            con.execute(sql, used).fetchall()
            times.append(time.perf_counter() - started)
    return median(times[len(asked) :])


def _print_agent_loop(data: Path) -> None:
    """A thread that grows by a message a version, a thousand times."""
    at = datetime.now(UTC)
    config = LLMConfig.cold(client="openai", model="gpt-4.1-mini")
    versions = [ChatThread.cold(llm_config=config)]
    said: list[ChatMessage] = []
    for number in range(_LOOP):
        said.append(ChatMessage.cold(role="assistant" if number % 2 else "user", content=f"Step {number}."))
        versions.append(versions[-1].evolve(at=at, history=list(said)))
    store = EntityStore(data)
    store.save([config, *said, *versions])
    store.fold()
    with connect(data / "minference.duckdb") as con:
        kept = con.execute(
            "select count(*), sum(len(new_message_ids) + coalesce(len(message_ids), 0)), sum(n_messages)"
            " from thread_version"
        ).fetchone()
        took = _took(con, QUESTIONS["transcript"], [{"version": str(versions[-1].id)}] * 5)
    assert kept is not None
    print(f"an agent's loop of {kept[0]:,} versions")
    print(f"  ids of messages stored  {kept[1]:10,}; {kept[2]:,} if each version listed all of its own")
    print(f"  its last transcript     {1e3 * took:10.1f} ms")


def _print_fold_rates(folder: Path) -> None:
    """Each of the two tables by itself."""
    print("\nfolded by itself")
    for table in ("thread_version", "message_version"):
        data = folder / table
        write_days(data / "inbox", _RATE_DAYS, tables=frozenset([table]))
        started = time.perf_counter()
        added = Store(data, definitions()).fold().added[table]
        print(f"  {table:<24}{added / (time.perf_counter() - started):10,.0f} a second")


def _print_naive(folder: Path) -> None:
    """The same two days with ids in order of time and at random, as typed columns and as JSON rows."""
    print(f"\nnaive forms, {_NAIVE_DAYS * THREADS_A_DAY:,} conversations")
    ordered, shuffled = (
        _naive_store(folder / name, random_ids=name == "random") for name in ("ordered", "random")
    )
    asked = random.Random(2026)
    for what, sql in (
        ("a transcript", QUESTIONS["transcript"]),
        ("a day's transcripts", ROLL_UPS["transcripts of one day"]),
    ):
        times = []
        for store in (ordered, shuffled):
            with connect(store.published) as con:
                heads = con.execute(
                    "select thread_id::varchar from thread_head order by thread_id"
                ).fetchall()
                values = [{"version": asked.choice(heads)[0], "day": day_key(0)} for _ in range(_ASKED)]
                times.append(_took(con, sql, values if "a tr" in what else values[:1]))
        print(
            f"  {what:<20} {1e3 * times[0]:8.1f} ms; with random ids {times[1] / times[0]:.1f} times as long"
        )
    _print_json(ordered.published, folder / "json.duckdb")


def _naive_store(data: Path, *, random_ids: bool) -> Store:
    write_days(data / "inbox", _NAIVE_DAYS, random_ids=random_ids)
    store = Store(data, definitions())
    store.fold()
    return store


def _print_json(published: Path, target: Path) -> None:
    typed_sql = "select client, model, sum(cost_usd) from exchange group by all"
    json_sql = (
        "select record ->> 'client', record ->> 'model', sum((record ->> 'cost_usd')::decimal(18, 9))"
        " from record where kind = 'exchange' group by all"
    )
    with connect(published) as con:
        con.execute(f"attach '{target}' as naive (storage_version 'v1.5.0')")
        con.execute("create table naive.record (kind varchar, record json)")
        for table in ("thread_version", "message_version", "exchange"):
            con.execute(f"insert into naive.record select '{table}', to_json(t) from {table} as t")  # noqa: S608 (ours)
        con.execute("checkpoint naive")
        typed = _took(con, typed_sql, [{}])
        con.execute("use naive")
        as_json = _took(con, json_sql, [{}])
    larger = target.stat().st_size / published.stat().st_size
    print(
        f"  dollars by model        {1e3 * typed:10.1f} ms, of JSON rows {as_json / typed:.0f} times as long"
    )
    print(f"  the JSON rows' file     {larger:10.1f} times as large")


if __name__ == "__main__":
    main()
