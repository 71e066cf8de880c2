"""Inspect's model interface; its only limit is the number of connections."""

import asyncio
import importlib
from typing import Any

from asking import measured, read_task

task = read_task()
models: Any = importlib.import_module("inspect_ai.model")


async def _ask_all() -> int:
    config = models.GenerateConfig(max_connections=task.in_flight, max_retries=10)
    model = models.get_model(
        f"openai/{task.model}", base_url=f"{task.url}/v1", api_key="sk-bench", config=config
    )

    async def ask(prompt: str) -> bool:
        return bool((await model.generate(prompt)).choices)

    return sum(await asyncio.gather(*map(ask, task.prompts())))


if __name__ == "__main__":
    measured(lambda: asyncio.run(_ask_all()))
