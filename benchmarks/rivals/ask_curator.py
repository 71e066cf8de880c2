"""Bespoke Labs' curator: a list of prompts given to `curator.LLM`."""

import importlib
import os
from typing import Any

from asking import measured, read_task

task = read_task()
os.environ["CURATOR_CACHE_DIR"] = str(task.folder)
os.environ["HF_HOME"] = str(task.folder / "hf")
curator: Any = importlib.import_module("bespokelabs.curator")


def _work() -> int:
    params = {
        "base_url": f"{task.url}/v1",
        "api_key": "sk-bench",
        "max_requests_per_minute": task.rpm or 1_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "max_concurrent_requests": task.in_flight,
    }
    llm = curator.LLM(model_name=task.model, backend="openai", backend_params=params)
    answers = llm(task.prompts())
    return len(getattr(answers, "dataset", answers))


if __name__ == "__main__":
    measured(_work)
