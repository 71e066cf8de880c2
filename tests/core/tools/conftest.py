"""Every test has registries of its own."""

from collections.abc import Iterator

import pytest

from minference_core.entities import EntityRegistry
from minference_core.tools import CallableRegistry


@pytest.fixture(autouse=True)
def _fresh_registries() -> Iterator[None]:
    CallableRegistry.clear()
    CallableRegistry.clear_logs()
    with EntityRegistry().active():
        yield
    CallableRegistry.clear()
