"""SIGTERM and Ctrl-C, sent to the real process: the first waits for what is in flight, a second does not."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from minference_core.engine.journal_files import journal_files, read_journal
from tests.conftest import Pipeline, specs
from tests.e2e.test_requests_command import Command


def kinds(folder: Path) -> Counter[str]:
    """How many records of each kind are on disk."""
    return Counter(record["kind"] for path in journal_files(folder) for _, _, record in read_journal(path))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 1)])
def test_a_second_signal_ends_the_process_at_once_and_the_same_command_goes_on(
    simulator: Callable[..., str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command, url = Command(tmp_path), simulator(latency_ms=4_000)
    journal = tmp_path / "out.jsonl.journal"
    command.say(4)
    process = command.start("out.jsonl", "--url", url)
    while kinds(journal)["intent"] < 4:
        assert process.poll() is None
        time.sleep(0.02)

    process.send_signal(number)
    time.sleep(0.3)
    assert process.poll() is None  # it waits for the answers
    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert "Traceback" not in err
    assert kinds(journal) == {"intent": 4}
    done, _, _ = command.finish("out.jsonl", "--url", simulator())
    assert (done, command.answered()) == (0, 4)
    assert kinds(journal) == {"intent": 8, "outcome": 4}


def test_a_stop_waits_for_answers_no_longer_than_its_grace(
    pipeline: Callable[..., Pipeline], simulator: Callable[..., str]
) -> None:
    made = pipeline(specs(6), url=simulator(latency_ms=4_000), max_in_flight=3)
    made.plan()
    stop = asyncio.Event()

    report = asyncio.run(
        made.answer(
            stop=stop, grace_s=0.2, on_progress=lambda now: stop.set() if now.in_flight == 3 else None
        )
    )

    assert (report.stopped, report.undone) == (True, 6)
    assert kinds(made.journal) == {"intent": 3}
    made.url = simulator()
    assert asyncio.run(made.answer(run_id="again")).complete == 6
    assert sum(row["uncertain"] for row in made.exchange_rows()) == 3
