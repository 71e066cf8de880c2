"""LiteLLM's router, with a semaphore for the number in flight as its documentation has it."""

import asyncio
import importlib
from typing import Any

from asking import measured, read_task

task = read_task()
litellm: Any = importlib.import_module("litellm")
openai: Any = importlib.import_module("openai")
litellm.suppress_debug_info = True


async def _ask_all() -> int:
    deployment: dict[str, Any] = {
        "model": f"openai/{task.model}",
        "api_base": f"{task.url}/v1",
        "api_key": "sk-bench",
    }
    if task.rpm is not None:
        deployment["rpm"] = task.rpm
    router = litellm.Router(
        model_list=[{"model_name": "bench", "litellm_params": deployment}], num_retries=10
    )
    free = asyncio.Semaphore(task.in_flight)

    async def ask(request: dict[str, Any]) -> bool:
        async with free:
            try:
                await router.acompletion(model="bench", messages=request["messages"])
            except (openai.OpenAIError, ValueError):  # the router has errors of both kinds
                return False
            return True

    return sum(await asyncio.gather(*map(ask, task.requests())))


if __name__ == "__main__":
    measured(lambda: asyncio.run(_ask_all()))
