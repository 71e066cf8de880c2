"""The same questions from Python, with Polars data frames for answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from minference_core.errors import StoreError
from minference_core.lineage import Questions
from minference_core.lineage.install import contracts

from .small_store import IDS, at

# Of no use by themselves.
HELPERS = {"short_id", "first_id", "last_id", "mermaid_text"}


@pytest.fixture(scope="module")
def store(published: Path) -> Iterator[Questions]:
    with Questions(published.parent) as opened:
        yield opened


def test_every_view_and_macro_is_a_method_and_a_view_gives_all_its_rows(store: Questions) -> None:
    for contract in contracts():
        if contract.name not in HELPERS:
            method = getattr(store, contract.name)
            if contract.kind == "view":
                rows = store.ask(f"select count(*) as n from {contract.name}").item()  # noqa: S608
                assert method().height == rows > 0


def test_questions_about_one_thing(store: Questions) -> None:
    thread, lineage = IDS["e2x"], str(IDS["E"])

    assert store.transcript(thread)["role"].to_list() == ["system", "user", "assistant", "tool", "assistant"]
    assert store.thread_messages(thread).height == 4
    assert store.lineage_of(thread) == lineage
    assert store.lineage(lineage).height == store.lineage_tree(lineage).height == 4
    assert store.ancestors(thread)["id"].to_list() == [str(IDS[name]) for name in ("e2x", "e1", "e0")]
    assert store.descendants(IDS["e0"]).height == 4
    assert store.old_ids(thread) == [str(IDS["e0"]), str(IDS["e1"])]
    assert store.forks(lineage)["thread_key"].to_list() == ["refund-de"]
    assert store.provenance(thread)["cost_usd"].to_list() == [Decimal("0.0031")]
    assert store.threads_using(IDS["t2"]).height == 6
    assert store.born_with(thread).height == store.entity_version().height
    assert (store.mermaid(lineage) or "").startswith("graph TD")
    assert store.mermaid(thread) is None


def test_questions_about_two_versions_and_about_times(store: Questions) -> None:
    assert store.version_diff(IDS["g1"], IDS["g2"])["field"].to_list() == ["temperature"]
    assert store.thread_diff(IDS["e2"], IDS["e2x"]).height == 3
    assert store.thread_as_of(IDS["A"], at(15))["id"].to_list() == [str(IDS["a1"])]
    assert store.thread_as_of(IDS["A"], "2026-01-01 00:15").height == 1
    assert store.threads_as_of(datetime(2025, 12, 31, tzinfo=UTC)).is_empty()


def test_conditions_have_parameters(store: Questions) -> None:
    found = store.transcripts("partition_key = $day and n_messages > $n", day="2026-01-03", n=2)

    assert found["thread_key"].to_list() == ["refund"]
    assert found.schema["lineage_id"] == pl.String


def test_usage_by_several_dimensions_has_a_column_for_each(store: Questions) -> None:
    found = store.usage_by("client", "year(day)")

    assert found.columns[:3] == ["client", "year(day)", "requests"]
    assert found.select("client", "year(day)", "attempts").rows() == [
        ("anthropic", 2026, 3),
        ("openai", 2026, 11),
    ]


def test_where_nothing_is_published_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="materialize"):
        Questions(tmp_path)
