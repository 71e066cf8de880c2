"""The formats there are. A new one is a function from a conversation to a row, and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from minference_core.errors import ConfigError
from minference_core.export.chatml import CHATML, CHATML_TEXT, chatml_row, chatml_text_row
from minference_core.export.conversation import Conversation, Unfit
from minference_core.export.huggingface import PARQUET, parquet_row
from minference_core.export.openai import OPENAI, openai_row
from minference_core.export.sharegpt import SHAREGPT, sharegpt_row

__all__ = ["FORMATS", "Format", "format_named"]


class ToRow(Protocol):
    """How a conversation becomes one row."""

    def __call__(self, conversation: Conversation, /, *, reasoning: bool) -> dict[str, Any] | Unfit: ...


@dataclass(frozen=True, slots=True)
class Format:
    """
    One form that other tools read.

    Attributes:
        suffix: Of its files: `.jsonl` or `.parquet`.
        columns: The columns, or the keys of a line, which are text wherever they are not plain.
        row: What becomes of a conversation.
        has_reasoning: Whether it has a place for what the model thought.
    """

    suffix: str
    columns: pa.Schema
    row: ToRow
    has_reasoning: bool = True


FORMATS: Mapping[str, Format] = {
    "chatml": Format(".jsonl", CHATML, chatml_row),
    "chatml-text": Format(".jsonl", CHATML_TEXT, chatml_text_row),
    "sharegpt": Format(".jsonl", SHAREGPT, sharegpt_row),
    "openai": Format(".jsonl", OPENAI, openai_row, has_reasoning=False),
    "parquet": Format(".parquet", PARQUET, parquet_row),
}


def format_named(name: str) -> Format:
    """
    Raises:
        ConfigError: There is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f"no format is named {name}: there are {', '.join(FORMATS)}")
    return FORMATS[name]
