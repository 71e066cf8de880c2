"""
What versions cost: CPU of a single-turn thread's whole life, and of a long thread's turns, and the rows
that each turn stores.

A thread's life: it is made and registered as a user does it, asked by `next_request`, answered by `apply`,
each version registered with its id, and the warm object brought up to date. A long thread is held both so
and through the orchestrator, with a simulator in a process of its own answering over a socket. Beside each
figure stands its ratio to another of the same run.

    .venv/bin/python benchmarks/versions.py [threads] [turns]
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import duckdb
from pydantic import SecretStr
from surroundings import simulator

from minference_core.engine import Lane
from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.orchestrator import InferenceOrchestrator
from minference_core.threads import (
    ChatThread,
    Conversation,
    LLMConfig,
    Reply,
    SystemPrompt,
    TokenUsage,
    apply,
    next_request,
)

_QUESTION = "Summarise what the customer wants in one sentence and say how urgent it sounds."
_ANSWER = "The customer would like the refund that was promised last week; it sounds fairly urgent."
_AROUND = 5  # turns on either side that a turn's figure is the median of


def main() -> None:
    threads, turns = (int(value) for value in (sys.argv[1:] + ["100000", "200"][len(sys.argv) - 1 :]))
    _print_single_turns(threads)
    _print_long_thread(turns)
    with tempfile.TemporaryDirectory() as folder:
        _print_stored_thread(Path(folder), turns)


def _print_single_turns(count: int) -> None:
    with EntityRegistry().active() as registry:
        config, prompt = LLMConfig(client="openai", model="gpt-4.1-mini"), SystemPrompt(content="Be brief.")
        started = time.process_time()
        for n in range(count):
            thread = ChatThread(
                llm_config=config, system_prompt=prompt, new_message=f"{n}. {_QUESTION}", name=f"t{n}"
            )
            _answer(thread)
        life = (time.process_time() - started) / count * 1000
        versions = registry.get_registry_status()["total_versions"]
    with EntityRegistry().active():
        started = time.process_time()
        for n in range(count):
            ChatThread(llm_config=config, system_prompt=prompt, new_message=f"{n}. {_QUESTION}", name=f"t{n}")
        made = (time.process_time() - started) / count * 1000
    print(f"{count} single-turn threads, {versions / count:.1f} versions each")
    print(f"made and registered only      {made:7.3f} ms CPU a thread   1.0")
    print(f"asked, answered, versioned    {life:7.3f} ms CPU a thread   {life / made:.1f}")


def _print_long_thread(turns: int) -> None:
    with EntityRegistry().active() as registry:
        thread = _thread()
        seconds = []
        for n in range(turns):
            thread.new_message = f"{n}. {_QUESTION}"
            started = time.perf_counter()
            _answer(thread)
            seconds.append(time.perf_counter() - started)
        versions = registry.get_registry_status()["total_versions"]
    print(f"\none thread, {turns} turns, turn rules and registry alone")
    _print_growth(seconds)
    print(f"versions a turn               {versions / turns:7.2f}")


def _print_stored_thread(folder: Path, turns: int) -> None:
    with simulator("--latency-ms", "1") as url, EntityRegistry().active() as registry:
        store = EntityStore(folder / "data")
        registry.attach(store)
        seconds = asyncio.run(_hold(_thread(), turns, url, folder))
        registry.detach()
        store.fold()
    print("\nthe same through the orchestrator, answered over a socket, kept in a store")
    _print_growth(seconds)
    rows = _rows(folder / "data")
    for table, count in rows.items():
        print(f"rows a turn: {table:<22} {count / turns:5.2f}")
    print(f"rows a turn: {'together':<22} {sum(rows.values()) / turns:5.2f}")


def _thread() -> ChatThread:
    return ChatThread(
        llm_config=LLMConfig(client="openai", model="gpt-4.1-mini"),
        system_prompt=SystemPrompt(content="Be brief."),
    )


async def _hold(thread: ChatThread, turns: int, url: str, folder: Path) -> list[float]:
    lane = Lane(client="openai", base_url=url, api_key=SecretStr("sk-bench"), simulated=True)
    orchestrator = InferenceOrchestrator(lanes={"openai": lane}, cache_folder=folder / "cache")
    seconds = []
    for n in range(turns):
        thread.new_message = f"{n}. {_QUESTION}"
        started = time.perf_counter()
        (outcome,) = await orchestrator.run_parallel_ai_completion([thread])
        seconds.append(time.perf_counter() - started)
        assert outcome.error is None, outcome.error
    return seconds


def _answer(thread: ChatThread) -> None:
    """One turn by the rules alone, as the orchestrator takes it."""
    EntityRegistry.register(thread)
    given = thread.cold_snapshot
    assert given is not None
    now = datetime.now(UTC)
    sent = next_request(
        Conversation(thread_key="", sample=0, generation=0, thread=given, asker=thread.live_id), at=now
    )
    assert sent is not None
    EntityRegistry.register(sent.thread)
    reply = Reply(
        text=_ANSWER, finish="stop", usage=TokenUsage(prompt_tokens=30, completion_tokens=20), model="m"
    )
    after = apply(sent, reply, at=now).thread
    EntityRegistry.register(after)
    thread.follow(after)


def _print_growth(seconds: list[float]) -> None:
    early, late = _around(seconds, min(20, len(seconds) // 2)), _around(seconds, len(seconds))
    print(f"turn  20                      {early * 1000:7.3f} ms              1.0")
    print(f"turn {len(seconds):3}                      {late * 1000:7.3f} ms              {late / early:.2f}")


def _around(seconds: list[float], turn: int) -> float:
    return median(seconds[max(0, turn - 1 - _AROUND) : turn + _AROUND])


def _rows(data: Path) -> dict[str, int]:
    with duckdb.connect(str(data / "minference.duckdb"), read_only=True) as connection:
        tables = [row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()]
        counts = {t: connection.execute(f"select count(*) from {t}").fetchone() for t in tables}  # noqa: S608
    kept = ("_version", "thread_head")
    return {table: row[0] for table, row in counts.items() if row and table.endswith(kept)}


if __name__ == "__main__":
    main()
