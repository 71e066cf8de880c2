"""Snapshots of what is sent; `python -m pytest tests/wire --rewrite-snapshots` writes them anew."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minference_core.entities import EntityRegistry
from minference_core.simulator import SimulatorSettings, simulator_in_thread

SNAPSHOTS = Path(__file__).parent / "snapshots"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-snapshots", action="store_true", help="write tests/wire/snapshots as the code is now"
    )


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file; one that is not there is a failure, unless it is to be written."""
    rewrites = bool(request.config.getoption("--rewrite-snapshots", default=False))

    def check(name: str, text: str) -> None:
        path = SNAPSHOTS / name
        if rewrites:
            path.write_text(text)
        assert path.exists(), f"there is no {path}: look at what is sent, and run with --rewrite-snapshots"
        assert text == path.read_text(), (
            f"{path} says otherwise: if that is meant, run with --rewrite-snapshots"
        )

    return check


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """OpenAI, Anthropic and the three servers, on one socket."""
    with simulator_in_thread(SimulatorSettings(seed=11)) as url:
        yield url
