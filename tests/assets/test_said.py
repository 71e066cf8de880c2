"""The words that go with a failure."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from minference_assets.said import latest_words


def table(path: Path, *rows: tuple[str, int, str | None, str | None, str]) -> Path:
    """Lineage, minute, class, message and client of each attempt."""
    path.parent.mkdir(exist_ok=True)
    pl.DataFrame(
        [
            {
                "lineage_id": lineage,
                "sent_at": datetime(2026, 11, 16, 9, minute, tzinfo=UTC),
                "attempt": 1,
                "error_class": name,
                "error_message": message,
                "client": client,
                "tool_name": None,
            }
            for lineage, minute, name, message, client in rows
        ]
    ).write_parquet(path)
    return path


def test_only_how_each_conversation_ended_counts(tmp_path: Path) -> None:
    file = table(
        tmp_path / "a.parquet",
        ("mended", 1, "auth", "set THE_KEY", "openai"),
        ("mended", 9, None, None, "openai"),
        ("failing", 2, "server", "an hour ago", "openai"),
        ("failing", 8, "server", "still\n down", "openai"),
    )

    assert latest_words([file]) == {"server": "still down"}


def test_clients_that_say_different_things_are_all_heard(tmp_path: Path) -> None:
    one = table(tmp_path / "a.parquet", ("a", 1, "auth", "set ONE", "openai"))
    two = table(tmp_path / "b.parquet", ("b", 1, "auth", "set TWO", "anthropic"))

    assert latest_words([one, two, tmp_path / "none.parquet"]) == {"auth": "set TWO; set ONE"}


def test_a_long_message_is_cut_and_no_table_says_nothing(tmp_path: Path) -> None:
    file = table(tmp_path / "a.parquet", ("a", 1, "server", "x" * 5000, "openai"))

    assert len(latest_words([file])["server"]) <= 300
    assert latest_words([]) == {}
