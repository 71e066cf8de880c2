"""
Makes a store of any size: days of two-turn conversations as a dataset leaves them, written as segments.

Everything follows from the number of the day. Words are drawn from a vocabulary by Zipf's law, so that they
compress about as English does.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from minference_core.store import write_segment
from minference_core.store.tables import SCHEMAS

__all__ = ["THREADS_A_DAY", "VERSIONS_A_THREAD", "Written", "day_key", "write_days"]

THREADS_A_DAY = 10_000
# As given, sent, answered, sent again, answered again; a fifth are answered once more, as another branch.
VERSIONS_A_THREAD = 5.2
_THREADS_A_SEGMENT = 2_500
_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_WORDS = 30_000
_QUESTION, _ANSWER = 60, 150  # words


@dataclass(slots=True)
class Written:
    """What was written; `text_bytes` are the messages' words and the raw answers."""

    threads: int = 0
    thread_versions: int = 0
    messages: int = 0
    exchanges: int = 0
    text_bytes: int = 0


def write_days(
    inbox: Path, days: int, *, random_ids: bool = False, tables: frozenset[str] = frozenset(SCHEMAS)
) -> Written:
    """
    Write days of a store as segments.

    Args:
        random_ids: Give ids that do not begin with their time.
        tables: Which to write.
    """
    written = Written()
    for day in range(days):
        for part in range(THREADS_A_DAY // _THREADS_A_SEGMENT):
            made = _Segment(day, part, random_ids=random_ids)
            rows = made.tables(written)
            chosen = {name: table for name, table in rows.items() if name in tables}
            write_segment(inbox, f"day-{day:05d}-{part}", made.mat_id, chosen)
    return written


def day_key(number: int) -> str:
    """The partition of a day."""
    return f"{_FIRST_DAY + timedelta(days=number):%Y-%m-%d}"


class _Segment:
    """A quarter of a day."""

    def __init__(self, day: int, part: int, *, random_ids: bool) -> None:
        self._random = np.random.default_rng([day, part])
        self._number, self._day = day, _FIRST_DAY + timedelta(days=day)
        self._part = part
        self._prefix = None if random_ids else int(self._day.timestamp() * 1000)
        self.mat_id = uuid.UUID(bytes=bytes(self._ids(1)[0]), version=4)
        self._words = Words.get()

    def tables(self, written: Written) -> dict[str, pa.Table]:
        n = _THREADS_A_SEGMENT
        branched = np.arange(n) % 5 == 0
        lineage, config, prompt = self._ids(n), self._shared(b"config"), self._shared(b"prompt")
        messages = [self._ids(n) for _ in range(5)]  # question, answer, question, answer, another answer
        versions = [self._ids(n) for _ in range(6)]
        texts = [self._words.texts(self._random, n, words) for words in (_QUESTION, _ANSWER) * 2 + (_ANSWER,)]
        rows = [self._version(n, lineage, versions, messages, config, prompt, number) for number in range(5)]
        rows.append(
            self._version(n, lineage, versions, messages, config, prompt, 5).filter(pa.array(branched))
        )
        said = [self._message(n, messages, texts, number) for number in range(4)]
        said.append(self._message(n, messages, texts, 4).filter(pa.array(branched)))
        asked = [self._exchange(n, lineage, versions, messages, texts, number) for number in (0, 1)]
        asked.append(self._exchange(n, lineage, versions, messages, texts, 2).filter(pa.array(branched)))
        made = {
            "thread_version": pa.concat_tables(rows),
            "message_version": pa.concat_tables(said),
            "exchange": pa.concat_tables(asked),
            "thread_head": self._heads(lineage, versions[4]),
            **self._once(config, prompt),
        }
        written.threads += n
        written.thread_versions += made["thread_version"].num_rows
        written.messages += made["message_version"].num_rows
        written.exchanges += made["exchange"].num_rows
        for table, column in (("message_version", "content"), ("exchange", "response_body")):
            written.text_bytes += made[table].column(column).nbytes
        return made

    # ── tables ────────────────────────────────────────────────────────────────

    def _version(
        self,
        n: int,
        lineage: Any,
        versions: list[Any],
        messages: list[Any],
        config: Any,
        prompt: Any,
        number: int,
    ) -> pa.Table:
        kept, new = [(0, []), (0, [0]), (1, [1]), (2, [2]), (3, [3]), (3, [4])][number]
        parent = [None, 0, 1, 2, 3, 3][number]
        listed = [*range(kept), *new]
        return self._table(
            "thread_version",
            n,
            number,
            {
                "id": _uuids(versions[number]),
                "lineage_id": _uuids(lineage),
                "parent_id": None if parent is None else _uuids(versions[parent]),
                "version_no": [1, 2, 3, 4, 5, 5][number],
                "dataset": "scale",
                "partition_key": self._key,
                "thread_key": self._keys(n),
                "sample": 0,
                "name": self._keys(n),
                "system_prompt_id": _uuids(np.repeat(prompt, n, 0)),
                "llm_config_id": _uuids(np.repeat(config, n, 0)),
                "tool_ids": _lists(n, []),
                "keep_n": kept,
                "new_message_ids": _lists(n, [messages[at] for at in new]),
                "n_messages": len(listed),
                "message_ids": _lists(n, [messages[at] for at in listed]),
                "use_history": True,
                "request_key": _uuids(self._ids(n)) if number in (2, 4, 5) else None,
                "generation": 1 if number == 5 else 0,
            },
        )

    def _message(self, n: int, messages: list[Any], texts: list[pa.Array], number: int) -> pa.Table:
        return self._table(
            "message_version",
            n,
            number,
            {
                "id": _uuids(messages[number]),
                "lineage_id": _uuids(self._ids(n)),
                "version_no": 1,
                "role": "user" if number in (0, 2) else "assistant",
                "content": texts[number],
                "finish_reason": None if number in (0, 2) else "stop",
                "n_tokens": 150,
            },
        )

    def _exchange(
        self,
        n: int,
        lineage: Any,
        versions: list[Any],
        messages: list[Any],
        texts: list[pa.Array],
        number: int,
    ) -> pa.Table:
        sent, answered, said = [(1, 2, 1), (3, 4, 3), (3, 5, 4)][number]
        head = '{"id":"chatcmpl-0","object":"chat.completion","choices":[{"index":0,"message":'
        body = pc.binary_join_element_wise(
            head + '{"role":"assistant","content":"',
            texts[said],
            '"},"finish_reason":"stop"}],"usage":{"prompt_tokens":40,"completion_tokens":150}}',
            "",
        )
        return self._table(
            "exchange",
            n,
            number,
            {
                "id": _uuids(self._ids(n)),
                "request_key": _uuids(self._ids(n)),
                "dataset": "scale",
                "partition_key": self._key,
                "thread_key": self._keys(n),
                "sample": 0,
                "lineage_id": _uuids(lineage),
                "in_thread_id": _uuids(versions[sent]),
                "out_thread_id": _uuids(versions[answered]),
                "out_message_id": _uuids(messages[said]),
                "turn": number % 2 + 1,
                "step": 0,
                "attempt": 1,
                "client": "openai",
                "model": "gpt-4.1-mini",
                "url": "https://api.openai.com/v1/chat/completions",
                "status_code": 200,
                "response_body": body,
                "finish_reason": "stop",
                "sent_at": self._at(n, number),
                "finished_at": self._at(n, number + 1),
                "prompt_tokens": 40,
                "completion_tokens": 150,
                "total_tokens": 190,
                "cost_usd": pa.scalar("0.000256000").cast(pa.decimal128(18, 9)),
                "price_id": "genai-prices",
                "simulated": False,
                "uncertain": False,
                "run_id": f"run-{self._key}",
                "generation": 1 if number == 2 else 0,
            },
        )

    def _heads(self, lineage: Any, last: Any) -> pa.Table:
        n = len(lineage)
        columns = {
            "lineage_id": _uuids(lineage),
            "thread_id": _uuids(last),
            "sequence": 0,
            "moved_at": self._at(n, 5),
        }
        return self._table("thread_head", n, 0, columns)

    def _once(self, config: Any, prompt: Any) -> dict[str, pa.Table]:
        own = {"lineage_id": _uuids(config), "version_no": 1}
        made = {
            "mat_id": _uuids(self._mat(1)),
            "dataset": "scale",
            "asset_key": "scale/entity_versions",
            "partition_key": self._key,
            "generation": 0,
            "run_id": f"run-{self._key}",
            "code_version": "1",
            "committed_at": self._at(1, 9),
            "n_threads": _THREADS_A_SEGMENT,
            "n_exchanges": 0,
        }
        return {
            "llm_config_version": self._table(
                "llm_config_version",
                1,
                0,
                {
                    **own,
                    "id": _uuids(config),
                    "client": "openai",
                    "model": "gpt-4.1-mini",
                    "max_tokens": 400,
                    "response_format": "text",
                    "params": "{}",
                },
            ),
            "system_prompt_version": self._table(
                "system_prompt_version",
                1,
                0,
                {**own, "id": _uuids(prompt), "content": "Answer in full sentences."},
            ),
            "materialization": self._table("materialization", 1, 0, made),
        }

    def _table(self, name: str, n: int, number: int, given: Mapping[str, Any]) -> pa.Table:
        schema = SCHEMAS[name]
        common = {"mat_id": _uuids(self._mat(n)), "created_at": self._at(n, number), "content_hash": None}
        if "content_hash" in schema.names:
            common["content_hash"] = _uuids(self._random_ids(n))
        columns = {name: value for name, value in {**common, **given}.items() if name in schema.names}
        return pa.table([_column(columns.get(field.name), field.type, n) for field in schema], schema=schema)

    # ── columns ───────────────────────────────────────────────────────────────

    @property
    def _key(self) -> str:
        return day_key(self._number)

    def _keys(self, n: int) -> pa.Array:
        first = self._part * n
        return pa.array([f"thread-{number:05d}" for number in range(first, first + n)])

    def _at(self, n: int, number: int) -> pa.Array:
        start = np.datetime64(self._day.replace(tzinfo=None), "us")
        return pa.array(start + np.arange(n).astype("timedelta64[s]") + np.timedelta64(number, "m"))

    def _mat(self, n: int) -> Any:
        return np.repeat(np.frombuffer(self.mat_id.bytes, np.uint8).reshape(1, 16), n, 0)

    def _shared(self, name: bytes) -> Any:
        """The same in all segments of the day."""
        made = self._ids(1)
        made[0, 6:] = np.frombuffer((name * 2)[:10], np.uint8)
        return made

    def _random_ids(self, n: int) -> Any:
        return self._random.integers(0, 256, (n, 16), np.uint8)

    def _ids(self, n: int) -> Any:
        made = self._random_ids(n)
        if self._prefix is not None:
            made[:, :6] = np.frombuffer(self._prefix.to_bytes(6, "big"), np.uint8)
        made[:, 6] = made[:, 6] & 0x0F | 0x80
        made[:, 8] = made[:, 8] & 0x3F | 0x80
        return made


class Words:
    """A vocabulary, and texts made of it."""

    _made: "Words | None" = None

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        syllables = [
            a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "on")
        ]
        picked = random.integers(0, len(syllables), (_WORDS, 4))
        lengths = random.integers(1, 5, _WORDS)
        self._words = np.array(
            [
                "".join(syllables[at] for at in row[:length])
                for row, length in zip(picked, lengths, strict=True)
            ],
            dtype=object,
        )
        weights = 1 / np.arange(1, _WORDS + 1)
        self._until = np.cumsum(weights / weights.sum())

    @classmethod
    def get(cls) -> "Words":
        cls._made = cls._made or cls()
        return cls._made

    def texts(self, random: Any, n: int, words: int) -> pa.Array:
        drawn = np.searchsorted(self._until, random.random((n, words)))
        return pa.array([" ".join(row) for row in self._words[np.minimum(drawn, _WORDS - 1)]])


def _uuids(given: Any) -> pa.Array:
    flat = np.ascontiguousarray(given, np.uint8)
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(flat), [None, pa.py_buffer(flat)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def _lists(n: int, columns: list[Any]) -> pa.Array:
    """Lists of ids, whose first are the first column's, and so on."""
    offsets = pa.array(np.arange(n + 1) * len(columns), pa.int32())
    flat = np.stack(columns, 1).reshape(-1, 16) if columns else np.empty((0, 16), np.uint8)
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(flat), [None, pa.py_buffer(np.ascontiguousarray(flat))]
    )
    return pa.ListArray.from_arrays(offsets, storage).cast(pa.list_(pa.uuid()))


def _column(value: Any, kind: pa.DataType, n: int) -> pa.Array:
    if isinstance(value, pa.Array):
        return value
    if value is None:
        return pa.nulls(n, kind)
    return pa.repeat(value if isinstance(value, pa.Scalar) else pa.scalar(value, kind), n)
