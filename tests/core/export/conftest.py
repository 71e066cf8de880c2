from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minference_core.export import FORMATS, ExportOrder, ExportReport, Selection, Splits, export
from tests.core.lineage.small_store import make

Export = Callable[..., ExportReport]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file of the small store: see `tests/core/lineage/small_store.py`."""
    return make(tmp_path_factory.mktemp("small") / "data")


@pytest.fixture
def exported(small: Path, tmp_path: Path) -> Export:
    """Export the first day of the small store, or another store: `name.<ending>` of the format."""

    def run(
        name: str = "out",
        *,
        format: str = "parquet",  # noqa: A002 (its name everywhere)
        store: Path = small,
        splits: dict[str, float] | None = None,
        reasoning: bool | None = None,
        may_be_empty: bool = False,
        **selection: Any,
    ) -> ExportReport:
        of_small = (
            {"dataset": "sales", "partitions": ("2026-01-01",)} if store == small else {"dataset": "sales"}
        )
        chosen = Selection(**{**of_small, **selection})
        order = ExportOrder(format=format, selection=chosen, reasoning=reasoning, splits=Splits(splits or {}))
        target = tmp_path / "out" / f"{name}{FORMATS[format].suffix if format in FORMATS else ''}"
        return export(store, order, target, may_be_empty=may_be_empty)

    return run
