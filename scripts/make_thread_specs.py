"""
Make the sample thread specs: data/thread_specs/<dataset>/<partition>/*.parquet.

    .venv/bin/python scripts/make_thread_specs.py

Three datasets of three daily partitions each. `support_replies` holds customer-support conversations, most
with several user turns; `review_labels` asks for labels (JSON under a schema) and short texts about reviews;
`order_desk` has agents that call the tools beside its defs.yaml, and that are shown photographs. What people
say in them is written by hand in scripts/sample_texts/; here it only becomes rows. The same texts, tools and
pyarrow make the same bytes, so running this again leaves nothing to commit. Files in these folders that it
did not make are left alone.
"""

import argparse
import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from minference_core.specs import tools_of
from minference_core.tools import CallableTool

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

TOOLS_MODULE = "minference_assets.defs.order_desk.tools"
CALL = pa.struct([("id", pa.string()), ("name", pa.string()), ("arguments", pa.string())])
MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("tool_calls", pa.list_(CALL)),
        ("tool_call_id", pa.string()),
    ]
)
ORDER_DESK = (
    ("thread_key", pa.string()),
    ("prompt", pa.string()),
    ("user_turns", pa.list_(pa.string())),
    ("messages", pa.list_(MESSAGE)),
    ("client", pa.string()),
    ("model", pa.string()),
    ("api", pa.string()),
    ("max_tokens", pa.int32()),
    ("temperature", pa.float64()),
    ("seed", pa.int64()),
    ("use_cache", pa.bool_()),
    ("response_format", pa.string()),
    ("tools", pa.list_(pa.string())),
    ("forced_output", pa.string()),
    ("max_steps", pa.int32()),
    ("max_repairs", pa.int32()),
    ("samples", pa.int32()),
    ("meta_locale", pa.string()),
    ("meta_topic", pa.string()),
)
# A column has one type in a file; each day shows another one that `images` may have.
IMAGES = {
    "2026-11-16": pa.binary(),
    "2026-11-17": pa.string(),
    "2026-11-18": pa.struct([("url", pa.string()), ("data", pa.binary()), ("detail", pa.string())]),
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


class Asking(Settings):
    """As settings, with those that matter where tools are called."""

    api: str | None = None
    use_cache: bool | None = None
    max_steps: int | None = None
    max_repairs: int | None = None

    def columns(self) -> Row:
        own = ("api", "use_cache", "max_steps", "max_repairs")
        return super().columns() | {name: getattr(self, name) for name in own}


Calls = dict[Literal["called"], dict[str, dict[str, Any]]]


class Case(Asking):
    """What a customer wants of the order desk. `called` in a history are calls with what the tools gave."""

    key: str
    locale: str
    topic: str
    response_format: str = Field(default="text", alias="format")
    tools: list[str] | None = None
    output: str | None = None
    photos: list[str] = []
    history: list[Said | Calls] = []
    turns: list[str] = []
    also: list[Asking] = []


class Photo(Text):
    """A drawing of one character a square, and the colour of each character."""

    colours: dict[str, str]
    picture: str


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


def order_desk(partition: str) -> Iterator[Row]:
    folder = TEXTS / "order_desk"
    photos = read(folder / "photos.yaml", dict[str, Photo])
    for case in read(folder / f"{partition}.yaml", list[Case]):
        common = turns(case.turns) | {
            "messages": [message for one in case.history for message in history(one)] or None,
            "images": [photograph(photos, name, partition) for name in case.photos] or None,
            "response_format": case.response_format,
            "tools": case.tools,
            "forced_output": case.output,
            "meta_locale": case.locale,
            "meta_topic": case.topic,
        }
        yield common | {"thread_key": case.key} | case.columns()
        for variant in case.also:
            given = {name: value for name, value in variant.columns().items() if value is not None}
            own = {"thread_key": f"{case.key}-{variant.endpoint}", "samples": None, **given}
            yield common | case.columns() | own


def history(said: Said | Calls) -> Iterator[Row]:
    """One thing said; of calls, the message that asks for them and one with each result."""
    for role, content in said.items():
        if not isinstance(content, dict):
            yield {"role": role, "content": content}
            continue
        calls = [
            {"id": f"call_{number}", "name": name, "arguments": json.dumps(arguments)}
            for number, (name, arguments) in enumerate(content.items(), start=1)
        ]
        yield {"role": "assistant", "content": "", "tool_calls": calls}
        for call in calls:
            result = called(call["name"], content[call["name"]])
            yield {"role": "tool", "content": result, "tool_call_id": call["id"]}


def called(name: str, arguments: Mapping[str, Any]) -> str:
    """What the dataset's own tool gives."""
    kind, fields = tools_of(TOOLS_MODULE).tools[name]
    tool = kind(**fields)
    assert isinstance(tool, CallableTool)
    return json.dumps(tool.execute(arguments))


def photograph(photos: Mapping[str, Photo], name: str, partition: str) -> bytes | str | Row:
    """A photograph, or where one is on the web, as the partition's column has it."""
    on_the_web = name.startswith("https://")
    data = b"" if on_the_web else png(photos[name])
    if IMAGES[partition] == pa.binary():
        return data
    if IMAGES[partition] == pa.string():
        return name if on_the_web else f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return {"data": data, "detail": "low"}


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


# ── photographs ───────────────────────────────────────────────────────────────

SQUARE = 4  # pixels on a side


def png(photo: Photo) -> bytes:
    """A PNG with a palette, not compressed: compressors differ, and files are to be the same everywhere."""
    lines = photo.picture.split()
    width, height = len(lines[0]) * SQUARE, len(lines) * SQUARE
    colours = list(photo.colours)
    # Each line of pixels begins with its filter, 0 for none.
    drawn = b"".join(
        (b"\0" + bytes(colours.index(character) for character in line for _ in range(SQUARE))) * SQUARE
        for line in lines
    )
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 3, 0, 0, 0])
    palette = b"".join(bytes.fromhex(colour.removeprefix("#")) for colour in photo.colours.values())
    chunks = (b"IHDR", header), (b"PLTE", palette), (b"IDAT", stored(drawn)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def stored(data: bytes) -> bytes:
    """As zlib has what it does not compress, in one block."""
    size = len(data)
    block = b"\x01" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data
    return b"\x78\x01" + block + zlib.adler32(data).to_bytes(4, "big")


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + checksum.to_bytes(4, "big")


# ── files ─────────────────────────────────────────────────────────────────────


def checked(rows: Sequence[Row], where: str) -> Sequence[Row]:
    """Refuse what the pipeline would refuse, where the text at fault can still be named."""
    seen: set[str] = set()
    for row in rows:
        key, before = row["thread_key"], row["messages"]
        if key in seen:
            raise ValueError(f"{where}: thread_key {key} is there twice: rename one of them")
        seen.add(key)
        roles = [message["role"] for message in before or () if is_talk(message)]
        continued = bool(row.get("prompt") or row.get("user_turns"))
        expected = ["user", "assistant"] * (len(roles) // 2) + ([] if continued else ["user"])
        if roles != expected:
            raise ValueError(f"{where}: {key}: history has the roles {roles}, wanted {expected}")
    return rows


def is_talk(message: Row) -> bool:
    """Whether a message is neither a call nor the result of one."""
    return not message.get("tool_calls") and message["role"] != "tool"


def schema_of(dataset: str, partition: str) -> pa.Schema:
    if dataset != "order_desk":
        return SCHEMAS[dataset]
    return pa.schema([*ORDER_DESK, ("images", pa.list_(IMAGES[partition]))])


def write(rows: Sequence[Row], schema: pa.Schema, folder: Path, *, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(rows) // files)
    for part in range(files):
        table = pa.Table.from_pylist(list(rows[part * size : (part + 1) * size]), schema=schema)
        pq.write_table(table, folder / f"part-{part}.parquet", compression="zstd")


DATASETS = {"support_replies": support_replies, "review_labels": review_labels, "order_desk": order_desk}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample thread specs.")
    parser.add_argument("--into", type=Path, default=ROOT / "data" / "thread_specs", metavar="FOLDER")
    into: Path = parser.parse_args().into
    for dataset, make in DATASETS.items():
        for partition in PARTITIONS:
            rows = checked(list(make(partition)), f"{dataset}/{partition}")
            files = 2 if partition == IN_TWO_FILES else 1
            write(rows, schema_of(dataset, partition), into / dataset / partition, files=files)
            print(f"{into / dataset / partition}: {len(rows)} rows in {files} file(s)")


if __name__ == "__main__":
    main()
