"""MultiInference's engine, from the file that the first argument names; it knows no number in flight."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

from asking import measured, read_task

task = read_task()
_found = importlib.util.spec_from_file_location("oai_parallel", Path(sys.argv[1]))
assert _found is not None
assert _found.loader is not None
engine: Any = importlib.util.module_from_spec(_found)
sys.modules["oai_parallel"] = engine
_found.loader.exec_module(engine)
engine.api_endpoint_from_url = lambda _: "chat"  # it knows no local address but port 8000's


def _work() -> int:
    answers = task.folder / "out.jsonl"
    config = engine.OAIApiFromFileConfig(
        requests_filepath=str(task.bodies.with_suffix(".lines.jsonl")),
        save_filepath=str(answers),
        api_key="sk-bench",
        request_url=f"{task.url}/v1/chat/completions",
        max_requests_per_minute=task.rpm or 1e9,
        max_tokens_per_minute=1e12,
        logging_level=40,
    )
    asyncio.run(engine.process_api_requests_from_file(config))
    return sum('"choices"' in line for line in answers.read_text().splitlines())


if __name__ == "__main__":
    measured(_work)
