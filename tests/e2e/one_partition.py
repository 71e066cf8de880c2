"""What a process does that is to be killed: one partition, all the way from specs to the published store."""

from pathlib import Path

from minference_core.specs import SpecDefaults
from tests.conftest import Pipeline

DEFAULTS = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="tests.core.shop_tools")


def partition(data: Path, url: str = "") -> Pipeline:
    return Pipeline(data=data, url=url, max_in_flight=8, defaults=DEFAULTS)


def hold(data: Path, url: str) -> None:
    made = partition(data, url)
    made.run()
    made.versions()
    made.store.fold()
