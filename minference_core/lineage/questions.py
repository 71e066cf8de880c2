"""
Every question that the store answers, with its answer as a Polars data frame.

One method for each view and macro that `docs/sql.md` describes, which answer here as they do in SQL;
ids are text. For everything else there is `ask`.
"""

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from minference_core.store import connect

if TYPE_CHECKING:
    import polars as pl  # takes a while, and a signal handler

__all__ = ["Questions"]

Id = UUID | str


class Questions:
    """
    The store as it is published now, for reading.

    It keeps seeing that state, whoever writes meanwhile: open another one to see what was published since.
    The methods named like a view take a condition in SQL, with its parameters by name:
    `store.transcripts("dataset = $dataset", dataset="greetings")`.
    """

    def __init__(self, data: Path | str) -> None:
        """
        Args:
            data: The folder of `minference.duckdb`, or a store's file itself.

        Raises:
            StoreError: Nothing is published there.
        """
        path = Path(data)
        self._connection = connect(path / "minference.duckdb" if path.is_dir() or not path.suffix else path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def ask(self, sql: str, /, **parameters: Any) -> "pl.DataFrame":
        """The rows of any query; `$name` in it is the parameter of that name."""
        answer: pl.DataFrame = self._connection.sql(sql, params=parameters).pl()
        return answer

    # ── conversations ─────────────────────────────────────────────────────────

    def thread_current(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("thread_current", where, parameters)

    def thread_latest(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("thread_latest", where, parameters)

    def transcripts(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("transcripts", where, parameters)

    def transcript(self, version: Id) -> "pl.DataFrame":
        return self.ask("from transcript($version)", version=version)

    def thread_messages(self, version: Id) -> "pl.DataFrame":
        return self.ask("from thread_messages($version)", version=version)

    def thread_message(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("thread_message", where, parameters)

    def thread_as_of(self, lineage: Id, at: datetime | str) -> "pl.DataFrame":
        """`at` is UTC, if it does not say otherwise."""
        return self.ask("from thread_as_of($lineage, $at)", lineage=lineage, at=_naive_utc(at))

    def threads_as_of(self, at: datetime | str) -> "pl.DataFrame":
        """`at` is UTC, if it does not say otherwise."""
        return self.ask("from threads_as_of($at)", at=_naive_utc(at))

    # ── where things come from ────────────────────────────────────────────────

    def provenance(self, version: Id) -> "pl.DataFrame":
        return self.ask("from provenance($version)", version=version)

    def lineage(self, lineage: Id) -> "pl.DataFrame":
        return self.ask("from lineage($lineage)", lineage=lineage)

    def lineage_tree(self, lineage: Id) -> "pl.DataFrame":
        return self.ask("from lineage_tree($lineage)", lineage=lineage)

    def lineage_of(self, version: Id) -> str | None:
        found: str | None = self._value("lineage_of($version)", version=version)
        return found

    def ancestors(self, version: Id) -> "pl.DataFrame":
        return self.ask("from ancestors($version)", version=version)

    def descendants(self, version: Id) -> "pl.DataFrame":
        return self.ask("from descendants($version)", version=version)

    def forks(self, version: Id) -> "pl.DataFrame":
        return self.ask("from forks($version)", version=version)

    def old_ids(self, version: Id) -> list[str]:
        """Oldest first."""
        found: list[str] = self._value("old_ids($version)", version=version)
        return found

    def mermaid(self, lineage: Id) -> str | None:
        """The drawing's text; None if there is no such lineage."""
        found: str | None = self._value("mermaid($lineage)", lineage=lineage)
        return found

    def threads_using(self, version: Id) -> "pl.DataFrame":
        return self.ask("from threads_using($version)", version=version)

    # ── what differs, and what does not ───────────────────────────────────────

    def content_of(self, version: Id) -> "pl.DataFrame":
        return self.ask("from content_of($version)", version=version)

    def version_diff(self, a: Id, b: Id) -> "pl.DataFrame":
        return self.ask("from version_diff($a, $b)", a=a, b=b)

    def thread_diff(self, a: Id, b: Id) -> "pl.DataFrame":
        return self.ask("from thread_diff($a, $b)", a=a, b=b)

    def compare(self, a: str, b: str) -> "pl.DataFrame":
        return self.ask("from compare($a, $b)", a=a, b=b)

    def duplicates(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("duplicates", where, parameters)

    # ── tokens, dollars, and what went wrong ──────────────────────────────────

    def usage(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("usage", where, parameters)

    def usage_by(self, *dimensions: str) -> "pl.DataFrame":
        """
        Args:
            dimensions: Columns of `usage`, or SQL made of them; each is a column of the answer.
        """
        fields = ", ".join(f'"{one.replace(chr(34), chr(34) * 2)}": {one}' for one in dimensions)
        return self.ask(f"from usage_by({{{fields}}})").unnest("dimension")

    def usage_daily(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("usage_daily", where, parameters)

    def usage_by_materialization(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("usage_by_materialization", where, parameters)

    def failures(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("failures", where, parameters)

    def failures_by_class(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("failures_by_class", where, parameters)

    def invalid_outputs(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("invalid_outputs", where, parameters)

    # ── everything ────────────────────────────────────────────────────────────

    def entity_version(self, where: str = "true", /, **parameters: Any) -> "pl.DataFrame":
        return self._view("entity_version", where, parameters)

    def born_with(self, version: Id) -> "pl.DataFrame":
        return self.ask("from born_with($version)", version=version)

    def _view(self, name: str, where: str, parameters: dict[str, Any]) -> "pl.DataFrame":
        return self.ask(f"from {name} where {where}", **parameters)

    def _value(self, expression: str, **parameters: Any) -> Any:
        return self.ask(f"select {expression} as value", **parameters).row(0)[0]


def _naive_utc(at: datetime | str) -> datetime | str:
    if isinstance(at, str) or at.tzinfo is None:
        return at
    return at.astimezone(UTC).replace(tzinfo=None)
