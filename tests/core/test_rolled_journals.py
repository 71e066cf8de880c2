"""An answer may be in a later file than its intent: every reader of the journals finds them together."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from minference_core.engine import Journal
from minference_core.engine.journal_files import journal_files, read_journal
from minference_core.orchestrator import InferenceOrchestrator, parse_results_file
from minference_core.request_files import run_request_file
from minference_core.threads import ChatThread, LLMConfig
from tests.conftest import Pipeline, specs


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file for every few records."""
    small = partial(Journal, segment_bytes=3_000)
    for where in ("conversations.run", "request_files.run", "orchestrator.session"):
        monkeypatch.setattr(f"minference_core.{where}.Journal", small)


def separated(folder: Path) -> int:
    """How many outcomes are in another file than their intents."""
    found: dict[str, Path] = {}
    count = 0
    for path in journal_files(folder):
        for _, _, record in read_journal(path):
            if record["kind"] == "intent":
                found[record["request_key"]] = path
            count += record["kind"] == "outcome" and found[record["request_key"]] != path
    return count


def test_a_partition_is_planned_exchanged_and_taken_up_from_many_files(
    pipeline: Callable[..., Pipeline], simulator: Callable[..., str]
) -> None:
    rows = specs(20, samples=2)
    made = pipeline(rows, url=simulator())

    assert made.run().complete == 40
    made.plan()

    assert separated(made.journal) > 0

    assert {row["state"] for row in made.request_rows()} == {"answered"}
    assert [row["uncertain"] for row in made.exchange_rows()] == [False] * 40
    assert asyncio.run(made.answer(run_id="another")).sent == 0


def test_a_request_file_is_written_again_from_many_files(
    tmp_path: Path, simulator: Callable[..., str]
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = '{{"model": "gpt-4.1-mini", "messages": [{{"role": "user", "content": "Hi {0}"}}]}}'
    line = f'[{{{{"id": {{0}}}}}}, {asked}]\n'
    source.write_text("".join(line.format(n) for n in range(30)))
    url, key = simulator(), SecretStr("sk-test")
    asyncio.run(run_request_file(source, target, url=url, api_key=key))
    before = sorted(target.read_text().splitlines())
    target.unlink()

    report = asyncio.run(run_request_file(source, target, url=url, api_key=key))

    assert separated(tmp_path / "out.jsonl.journal") > 0
    assert (report.sent, report.reused) == (0, 30)
    assert sorted(target.read_text().splitlines()) == before


def test_outcomes_are_read_back_from_a_folder_and_from_each_of_its_files(
    simulator: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINFERENCE_SIMULATOR", simulator())
    orchestrator = InferenceOrchestrator(cache_folder=tmp_path / "cache", local_cache=True)
    config = LLMConfig(client="openai", model="gpt-4.1-mini")
    chats = [ChatThread(new_message=f"Hi {n}", llm_config=config) for n in range(20)]
    asked = {out.content for out in asyncio.run(_run(orchestrator, chats))}
    (folder,) = orchestrator.journal_folder.iterdir()

    whole = parse_results_file(folder)
    by_file = [out for path in journal_files(folder) for out in parse_results_file(path)]

    assert separated(folder) > 0
    assert {out.content for out in whole} == {out.content for out in by_file} == asked
    assert len(whole) == len(by_file) == 20
    assert all(out.time_taken > 0 for out in by_file)


async def _run(orchestrator: InferenceOrchestrator, chats: list[ChatThread]) -> Any:
    return await orchestrator.run_parallel_ai_completion(chats)
