"""Every program in docs/library.md, in its order, in one session, as a reader would type them."""

import ast
import asyncio
import inspect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minference_core.entities import EntityRegistry
from minference_core.providers import PROVIDERS
from minference_core.tools import CallableRegistry

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "library.md"
TEXT = DOC.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

# Each example of the original's README, by words that only it has.
ORIGINAL_EXAMPLES = (
    "How's the weather?",
    "SpaceX",
    "Hello from Claude",
    "compute_stats",
    "Analyze sentiment of 'Hello World'",
    "Perform steps in sequence",
    "chat.llm_config.temperature = 0.9",
    "get_lineage_mermaid",
    "multiply_and_add",
    "AnalysisOutput",
    "max_requests_per_minute=1000",
)


@pytest.fixture
def reader(simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Somebody with the simulator running, in a folder of their own."""
    for entry in PROVIDERS.values():
        for name in (*entry.key_variables, entry.url_variable):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINFERENCE_SIMULATOR", simulator())
    monkeypatch.delenv("MINFERENCE_DATA", raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(tmp_path)
    with EntityRegistry().active():
        yield tmp_path
    CallableRegistry.clear()


def run(block: str, names: dict[str, Any], where: str) -> None:
    """As a notebook would: `await` may stand at the top."""
    code = compile(block, where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:

        async def cell() -> None:
            await eval(code, names)  # noqa: S307 (our own page)

        asyncio.run(cell())
    else:
        exec(code, names)  # noqa: S102 (our own page)


@pytest.mark.parametrize("words", ORIGINAL_EXAMPLES)
def test_each_example_of_the_originals_readme_is_there(words: str) -> None:
    assert any(words in block for block in BLOCKS)


def test_every_program_runs_and_says_what_it_should(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    said = []
    for number, block in enumerate(BLOCKS, start=1):
        run(block, names, f"docs/library.md, program {number}")
        said.append(capsys.readouterr().out)
    told = "\n".join(said)

    assert "Content: " in told
    assert "Input should be less than or equal to 2\n0.7" in told
    assert "openai -> " in told
    assert "anthropic -> " in told
    assert "compute_stats {'data': [" in told
    assert re.search(r"tool \{\"mean\": ", told)
    assert "{'result': 10.0}" in told
    assert "1 func_step1\n2 func_step2\n3 func_step3" in told
    assert "0.0 0.9" in told
    assert "True True\n```mermaid" in told
    assert len(names["rows"]) == 3
    assert "{'LLMConfig': 1, 'ChatThread': 1}" in told
    assert names["again"].id == names["old_id"]
    assert (reader / "data" / "minference.duckdb").exists() or (reader / "data" / "inbox").exists()
