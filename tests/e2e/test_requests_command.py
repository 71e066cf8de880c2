"""`minference requests` as a person starts it: the real command, a real socket, and SIGKILL in the middle."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from minference_core.engine.history import journal_files, read_journal

COMMAND = [sys.executable, "-m", "minference_assets.cli", "requests"]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "request-files.md"
KEY = "sk-a-secret-that-nobody-may-see"


class Command:
    """One input, asked by as many processes as it takes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source, self.target = folder, folder / "in.jsonl", folder / "out.jsonl"

    def say(self, count: int) -> None:
        lines: list[Any] = [
            [{"n": n}, {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": f"Say {n // 2}."}]}]
            for n in range(0, count, 2)
        ]
        lines += [
            {
                "custom_id": str(n),
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": "text-embedding-3-small", "input": f"say {n}", "dimensions": 3},
            }
            for n in range(1, count, 2)
        ]
        self.source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        given = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_URL"))}
        return subprocess.Popen(
            [*COMMAND, "in.jsonl", *arguments],
            cwd=self.folder,
            env={**given, "OPENAI_API_KEY": KEY, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def named(self) -> Counter[str]:
        """How many lines of the output are about which of the input."""
        lines = [json.loads(line) for line in self.target.read_text().splitlines()]
        return Counter(str(line[0]["n"] if isinstance(line, list) else line["custom_id"]) for line in lines)

    def answered(self) -> int:
        lines = [json.loads(line) for line in self.target.read_text().splitlines()]
        return sum(
            "choices" in line[2] if isinstance(line, list) else line["response"]["status_code"] == 200
            for line in lines
        )

    def durable(self) -> set[str]:
        """Keys of the requests whose answers are on disk."""
        files = journal_files(self.folder / "out.jsonl.journal")
        records = (record for path in files for _, _, record in read_journal(path))
        return {record["request_key"] for record in records if record["kind"] == "outcome"}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def sent(log: Path) -> list[str]:
    lines = log.read_bytes().splitlines() if log.exists() else []
    return [orjson.loads(line)["client_request_id"] for line in lines]


def test_o9_the_command_asks_a_file_says_what_came_of_it_and_is_silent_meanwhile(
    command: Command, simulator: Callable[..., str]
) -> None:
    command.say(10)

    code, out, err = command.finish("--url", simulator())

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "in.jsonl -> in_results.jsonl"
    assert lines[1] == "10 of 10 lines answered, 0 failed"
    assert lines[2].startswith("10 requests sent, 0 of them retries")
    assert "simulated" in lines[3]
    command.target = command.folder / "in_results.jsonl"
    assert command.answered() == 10


def test_o9_exit_code_1_names_what_failed_and_2_what_cannot_be_run(
    command: Command, simulator: Callable[..., str]
) -> None:
    url = simulator()
    command.say(2)
    command.source.write_text(command.source.read_text() + "oops\n")

    code, out, _ = command.finish("out.jsonl", "--url", url)
    assert code == 1
    assert "1 invalid_line: line 3: it is not JSON" in out

    (command.folder / "mine.jsonl").write_text("notes\n")
    wrong = {
        ("out.jsonl",): "--url",
        ("mine.jsonl", "--url", url): "choose another output",
        ("out.jsonl", "--url", "nowhere"): "not an http(s) address",
        ("out.jsonl", "--url", "https://api.anthropic.com"): "ANTHROPIC_API_KEY",
        ("out.jsonl", "--url", url, "--api-key-env", "NOT_SET"): "NOT_SET",
        ("out.jsonl", "--url", url, "--rpm", "0"): "--rpm",
        ("out.jsonl", "--url", url, "--budget-usd", "free"): "--budget-usd",
        ("out.jsonl", "--url", url, "--price", "my-model=cheap"): "MODEL=INPUT/OUTPUT",
    }
    started = {arguments: command.start(*arguments) for arguments in wrong}
    for arguments, said in wrong.items():
        _, err = started[arguments].communicate(timeout=120)
        assert (started[arguments].returncode, said in err) == (2, True), (arguments, err)
    assert (command.folder / "mine.jsonl").read_text() == "notes\n"


def test_a_budget_is_for_all_that_an_output_ever_costs(
    command: Command, simulator: Callable[..., str]
) -> None:
    log = command.folder / "log"
    url = simulator(log=log)
    ask = ("out.jsonl", "--url", f"{url}/vllm", "--price", "my-model=1000/2000")
    question = {"model": "my-model", "max_tokens": 40, "messages": [{"role": "user", "content": "Say it."}]}
    command.source.write_text("".join(json.dumps([{"n": n}, question]) + "\n" for n in range(30)))

    code, out, _ = command.finish(*ask, "--budget-usd", "1.50")
    first = len(sent(log))
    again_code, _, _ = command.finish(*ask, "--budget-usd", "1.50")
    whole_code, whole, _ = command.finish(*ask, "--budget-usd", "10")

    assert (code, again_code, whole_code) == (1, 1, 0), whole
    assert 10 < first < 30
    assert f"{30 - first} budget: " in out
    assert len(sent(log)) == len(set(sent(log))) == 30
    assert command.answered() == 30


def test_a_key_of_another_variable_and_a_clients_own_address_are_used_and_kept_nowhere(
    command: Command, simulator: Callable[..., str]
) -> None:
    url = simulator()
    command.say(2)

    refused, out, err = command.finish(
        "out.jsonl", "--url", url, "--api-key-env", "MINE", MINE="sk-invalid-and-quite-long"
    )
    assert (refused, "auth" in out) == (1, True)
    code, more, _ = command.finish("out.jsonl", "--client", "openai", OPENAI_BASE_URL=url)

    assert code == 0
    kept = [path for path in command.folder.rglob("*") if path.is_file()]
    assert len(kept) >= 4
    for secret in ("sk-invalid-and-quite-long", KEY):
        assert not any(secret in path.read_text() for path in kept)
        assert secret not in out + err + more


def test_sigterm_waits_for_what_is_in_flight_and_the_same_command_goes_on(
    command: Command, simulator: Callable[..., str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    url = simulator(latency_ms=400, log=log)
    command.say(40)
    process = command.start("out.jsonl", "--url", url, "--max-in-flight", "4")
    while len(sent(log)) < 5:
        assert process.poll() is None
        time.sleep(0.02)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)

    assert (process.returncode, err) == (1, "")
    assert "Run the same command again to go on." in out
    assert command.answered() == len(sent(log))
    code, _, _ = command.finish("out.jsonl", "--url", url)
    assert code == 0
    assert len(sent(log)) == 40
    assert set(command.named().values()) == {1}


def test_the_documents_commands_do_what_it_says(command: Command, simulator: Callable[..., str]) -> None:
    blocks = DOCUMENT.read_text().split("```")
    address, here = "http://127.0.0.1:8900", simulator()
    typed, shown, script = blocks[3], blocks[5], blocks[7].removeprefix("python\n")
    (command.folder / "minference").write_text(f'#!/bin/sh\nexec {sys.executable} -m {COMMAND[2]} "$@"\n')
    (command.folder / "minference").chmod(0o755)
    paths = {"PATH": f".:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(*arguments: str) -> str:
        return subprocess.check_output(
            arguments, cwd=command.folder, env={**os.environ, **paths}, text=True, timeout=60
        )

    said = run("sh", "-ec", typed.replace(address, here))
    again = run(sys.executable, "-c", script.replace(address, here))

    assert re.sub(r"[\d,.]+", "N", said.strip()) == re.sub(r"[\d,.]+", "N", shown.strip())
    assert again == "3 {}\n"


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_and_pay_for_nothing_twice(
    command: Command, simulator: Callable[..., str], tmp_path: Path
) -> None:
    log, lines = tmp_path / "log", 40
    url = simulator(latency_ms=80, latency_jitter=0.5, log=log)
    command.say(lines)
    moments, kills = random.Random(2026), 0
    known_by: list[tuple[int, set[str]]] = []
    while command.answered() < lines - 12 if command.target.exists() else True:
        process = command.start("out.jsonl", "--url", url, "--max-in-flight", "4")
        begun, moment = len(sent(log)), moments.randint(1, 10)
        while len(sent(log)) < begun + moment and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        process.communicate()
        time.sleep(0.15)  # what was in flight is in the log by then
        known_by.append((len(sent(log)), command.durable()))
    assert kills >= 4

    code, out, err = command.finish("out.jsonl", "--url", url)

    assert (code, err) == (0, ""), out
    assert command.answered() == lines
    assert set(command.named().values()) == {1}
    assert len(command.named()) == lines
    for seen_by_then, known in known_by:
        assert not known & set(sent(log)[seen_by_then:])
    assert len(set(sent(log))) == lines
    assert len(sent(log)) - lines <= 4 * kills
