"""docs/sql.md is what the views and macros say of themselves, and its examples hold everywhere."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest

from minference_core.lineage.install import Contract, contracts

from .conftest import Ask
from .sql_page import SECTIONS, page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sql.md"


def test_the_page_is_current(connection: duckdb.DuckDBPyConnection) -> None:
    """If this fails: `python -m scripts.make_sql_docs`, and look at what it changed."""
    assert PAGE.read_text(encoding="utf-8") == page(connection)


def test_every_view_and_macro_has_its_place_on_it() -> None:
    names = [name for section in SECTIONS.values() for name in section]

    assert Counter(names) == Counter(contract.name for contract in contracts())


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_the_example_of_each_has_an_answer_and_the_same_one_on_the_command_line(
    contract: Contract, ask: Ask
) -> None:
    assert contract.name in contract.example
    assert ask(contract.example)
