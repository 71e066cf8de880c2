"""
Make the sample thread specs: data/thread_specs/<dataset>/<partition>/*.parquet.

    .venv/bin/python scripts/make_thread_specs.py

Two datasets of three daily partitions each. `support_replies` holds customer-support conversations, most
with several user turns; `review_labels` asks for labels (JSON under a schema) and short texts about reviews.
What people say in them is written by hand in scripts/sample_texts/; here it only becomes rows. The same
texts and the same pyarrow make the same bytes, so running this again leaves nothing to commit. Files in
these folders that it did not make are left alone.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "scripts" / "sample_texts"
PARTITIONS = ("2026-11-16", "2026-11-17", "2026-11-18")
# A partition may hold several files; one of each dataset does, so that readers of the samples see it.
IN_TWO_FILES = "2026-11-17"

Row = dict[str, Any]

COLUMNS = (
    ("thread_key", pa.string()),
    ("prompt", pa.string()),
    ("user_turns", pa.list_(pa.string())),
    ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("system_prompt", pa.string()),
    ("client", pa.string()),
    ("model", pa.string()),
    ("max_tokens", pa.int32()),
    ("temperature", pa.float64()),
    ("seed", pa.int64()),
    ("response_format", pa.string()),
    ("output_schema", pa.string()),
    ("samples", pa.int32()),
    ("reasoning_effort", pa.string()),
    ("extra_body", pa.string()),
    ("meta_locale", pa.string()),
)
SCHEMAS = {
    "support_replies": pa.schema([*COLUMNS, ("meta_category", pa.string())]),
    "review_labels": pa.schema([*COLUMNS, ("meta_source", pa.string()), ("meta_stars", pa.int32())]),
}


class Endpoint(NamedTuple):
    """Who answers, and whether it still takes the classic sampling parameters."""

    client: str
    model: str
    samples_freely: bool
    takes_seed: bool


ENDPOINTS = {
    "gpt-5.4-mini": Endpoint("openai", "gpt-5.4-mini", samples_freely=False, takes_seed=False),
    "gpt-4.1-mini": Endpoint("openai", "gpt-4.1-mini", samples_freely=True, takes_seed=True),
    "haiku-5-5": Endpoint("anthropic", "claude-haiku-5-5", samples_freely=False, takes_seed=False),
    "haiku-4-5": Endpoint("anthropic", "claude-haiku-4-5", samples_freely=True, takes_seed=False),
    "vllm": Endpoint("vllm", "Qwen/Qwen3-32B", samples_freely=True, takes_seed=True),
    "litellm": Endpoint("litellm", "openai/gpt-5.4-mini", samples_freely=False, takes_seed=False),
    "r1": Endpoint("openrouter", "deepseek/deepseek-r1", samples_freely=False, takes_seed=False),
    "qwen": Endpoint("openrouter", "qwen/qwen3-32b", samples_freely=True, takes_seed=True),
}


# ── the texts, as the YAML files hold them ────────────────────────────────────


class Text(BaseModel):
    """A misspelt key in a YAML file is an error, not a row without its setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Text):
    """How a conversation is asked for; what is left out comes from the dataset's defaults."""

    endpoint: str | None = Field(default=None, alias="with")
    max_tokens: int | None = Field(default=None, ge=80, le=600)
    temperature: float | None = None
    seed: int | None = None
    samples: int | None = None
    reasoning_effort: str | None = None
    extra_body: str | None = None

    @model_validator(mode="after")
    def _the_model_takes_it(self) -> Self:
        endpoint = ENDPOINTS[self.endpoint] if self.endpoint else None
        if self.temperature is not None and not (endpoint and endpoint.samples_freely):
            raise ValueError(f"temperature is set, but {self.endpoint or 'the default model'} refuses it")
        if self.seed is not None and not (endpoint and endpoint.takes_seed):
            raise ValueError(f"seed is set, but {self.endpoint or 'the default model'} has none")
        return self

    def columns(self) -> Row:
        row: Row = {name: getattr(self, name) for name in Settings.model_fields if name != "endpoint"}
        if self.endpoint:
            row |= {"client": ENDPOINTS[self.endpoint].client, "model": ENDPOINTS[self.endpoint].model}
        return row


class Variant(Settings):
    """The same conversation once more, with another model or at another desk."""

    desk: str | None = None


Said = dict[Literal["user", "assistant"], str]


class Conversation(Settings):
    """What a customer writes. `history` was said before; alone, it ends with the customer's words."""

    key: str
    locale: str
    category: str
    desk: str | None = None
    history: list[Said] = []
    turns: list[str] = []
    response_format: str | None = None
    also: list[Variant] = []


class Labelling(Settings):
    """One thing asked about a review."""

    task: str


class Review(Text):
    """What a customer wrote about something, and what is asked about it."""

    key: str
    about: str
    locale: str
    source: str
    stars: int = Field(ge=1, le=5)
    text: str
    tasks: list[Labelling]


class Task(Text):
    """A question that can be asked about any review."""

    system: str | None = None
    wordings: list[str]
    follow_ups: list[str] = []
    shots: list[Said] = []
    max_tokens: int | None = None
    properties: dict[str, Any] | None = Field(default=None, alias="schema")


T = TypeVar("T")


def read(path: Path, shape: type[T]) -> T:
    return TypeAdapter(shape).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))


# ── rows ──────────────────────────────────────────────────────────────────────


def messages(said: Sequence[Said]) -> list[dict[str, str]] | None:
    return [{"role": role, "content": content} for one in said for role, content in one.items()] or None


def turns(texts: Sequence[str]) -> Row:
    """One user turn is a `prompt`, several are `user_turns`; none leaves both to `messages`."""
    return {"prompt": texts[0]} if len(texts) == 1 else {"user_turns": list(texts) or None}


def support_replies(partition: str) -> Iterator[Row]:
    folder = TEXTS / "support_replies"
    desks = read(folder / "desks.yaml", dict[str, str])
    for chat in read(folder / f"{partition}.yaml", list[Conversation]):
        common = turns(chat.turns) | {
            "messages": messages(chat.history),
            "response_format": chat.response_format,
            "meta_locale": chat.locale,
            "meta_category": chat.category,
        }
        own = {"thread_key": chat.key, "system_prompt": desks[chat.desk] if chat.desk else None}
        yield common | own | chat.columns()
        for variant in chat.also:
            desk = variant.desk or chat.desk
            yield common | {
                "thread_key": f"{chat.key}-{variant.endpoint or variant.desk}",
                "system_prompt": desks[desk] if desk else None,
                **variant.columns(),
            }


def review_labels(partition: str) -> Iterator[Row]:
    folder = TEXTS / "review_labels"
    tasks = read(folder / "tasks.yaml", dict[str, Task])
    for number, review in enumerate(read(folder / f"{partition}.yaml", list[Review])):
        for labelling in review.tasks:
            task = tasks[labelling.task]
            wording = task.wordings[number % len(task.wordings)]
            settings = labelling.columns()
            yield {
                "thread_key": "-".join(filter(None, [review.key, labelling.task, labelling.endpoint])),
                **turns([wording.format_map(review.model_dump()), *task.follow_ups]),
                "messages": messages(task.shots),
                "system_prompt": task.system,
                "response_format": "structured_output" if task.properties else "text",
                "output_schema": schema_text(task.properties) if task.properties else None,
                "meta_locale": review.locale,
                "meta_source": review.source,
                "meta_stars": review.stars,
                **settings,
                "max_tokens": settings["max_tokens"] or task.max_tokens,
            }


def schema_text(properties: Mapping[str, Any]) -> str:
    return json.dumps(strict_object(properties), ensure_ascii=False)


def strict_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object schema as OpenAI's strict mode wants it: nothing optional, nothing besides."""
    return {
        "type": "object",
        "properties": {name: strict(node) for name, node in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def strict(node: Mapping[str, Any]) -> dict[str, Any]:
    """In the YAML files, a mapping without a `type` is an object's properties."""
    if "type" not in node:
        return strict_object(node)
    if node["type"] == "array":
        return {**node, "items": strict(node["items"])}
    return dict(node)


# ── files ─────────────────────────────────────────────────────────────────────


def checked(rows: Sequence[Row], where: str) -> Sequence[Row]:
    """Refuse what the pipeline would refuse, where the text at fault can still be named."""
    seen: set[str] = set()
    for row in rows:
        key, history = row["thread_key"], row["messages"]
        if key in seen:
            raise ValueError(f"{where}: thread_key {key} is there twice: rename one of them")
        seen.add(key)
        roles = [message["role"] for message in history or ()]
        continued = bool(row.get("prompt") or row.get("user_turns"))
        expected = ["user", "assistant"] * (len(roles) // 2) + ([] if continued else ["user"])
        if roles != expected:
            raise ValueError(f"{where}: {key}: history has the roles {roles}, wanted {expected}")
    return rows


def write(rows: Sequence[Row], schema: pa.Schema, folder: Path, *, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(rows) // files)
    for part in range(files):
        table = pa.Table.from_pylist(list(rows[part * size : (part + 1) * size]), schema=schema)
        pq.write_table(table, folder / f"part-{part}.parquet", compression="zstd")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample thread specs.")
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "thread_specs", metavar="FOLDER")
    into: Path = parser.parse_args().into
    for dataset, make in (("support_replies", support_replies), ("review_labels", review_labels)):
        for partition in PARTITIONS:
            rows = checked(list(make(partition)), f"{dataset}/{partition}")
            files = 2 if partition == IN_TWO_FILES else 1
            write(rows, SCHEMAS[dataset], into / dataset / partition, files=files)
            print(f"{into / dataset / partition}: {len(rows)} rows in {files} file(s)")


if __name__ == "__main__":
    main()
