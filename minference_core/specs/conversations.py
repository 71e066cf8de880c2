"""
A thread spec becomes conversations: entities with ids that follow from the dataset and the row.

What many rows say alike (system prompts, configs, schemas) is one entity per partition; what a row
says (history, user turns) is one entity for all its samples; each sample is a thread of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from minference_core import ids
from minference_core.entities import Entity
from minference_core.specs.amendments import Amendment
from minference_core.specs.columns import CONFIG_COLUMNS, SpecMessage, ThreadSpec
from minference_core.specs.reader import SpecRow, read_rows
from minference_core.specs.source import SpecSource
from minference_core.threads import (
    CalledTool,
    ChatMessage,
    ChatThread,
    Conversation,
    LLMConfig,
    MessageRole,
    SystemPrompt,
)
from minference_core.tools import CallableTool, StructuredTool

__all__ = ["ConversationMaker", "read_conversations"]

E = TypeVar("E", bound=Entity)

# Rows usually have a few in common; where each has its own prompt, a partition's may not fit in memory.
_MOST_SHARED = 256

_LATER_COLUMNS = ("api", "use_cache")


def read_conversations(source: SpecSource) -> Iterator[tuple[SpecRow, Conversation | None]]:
    """
    Every conversation the partition asks for, in row and sample order; a bad row once, with None.

    Raises:
        SpecError: As `read_rows`.
    """
    maker = ConversationMaker(source)
    for row in read_rows(source):
        if row.spec is None:
            yield row, None
        else:
            for conversation in maker.conversations(row.spec):
                yield row, conversation


class ConversationMaker:
    """Makes the conversations of one partition, and shares what they have in common."""

    def __init__(self, source: SpecSource) -> None:
        self._partition = source.partition
        self._generation = source.generation
        self._amendments = source.amendments
        self._tools = source.tools
        self._shared: dict[object, Any] = {}

    def conversations(self, spec: ThreadSpec) -> Iterator[Conversation]:
        """One conversation per sample, as given and as amended since: nothing said yet."""
        fields, upcoming = self._given(spec)
        for sample in range(spec.samples):
            yield self._conversation(spec, sample, fields, upcoming)

    def conversation(self, spec: ThreadSpec, sample: int) -> Conversation:
        """One of them."""
        return self._conversation(spec, sample, *self._given(spec))

    def _conversation(
        self, spec: ThreadSpec, sample: int, fields: Mapping[str, Any], upcoming: tuple[ChatMessage, ...]
    ) -> Conversation:
        thread = ChatThread.cold(
            lineage_id=self._lineage("thread", spec.thread_key, sample),
            created_at=self._partition.instant,
            **fields,
        )
        given = Conversation(
            thread_key=spec.thread_key,
            sample=sample,
            generation=self._generation,
            thread=thread,
            upcoming=upcoming,
        )
        amendments = self._amendments.of(spec.thread_key, sample)
        return self._amended(given, amendments, fields) if amendments else given

    def _given(self, spec: ThreadSpec) -> tuple[dict[str, Any], tuple[ChatMessage, ...]]:
        """What a thread of the spec is given to begin with, and what the user will say in it."""
        called = {call.id: call.name for message in spec.messages or () for call in message.tool_calls or ()}
        said = [
            self._message(spec, n, **_said(message, called)) for n, message in enumerate(spec.messages or ())
        ]
        if spec.past is not None:
            said = list(spec.past.messages)
        turns = spec.user_turns or ((spec.prompt,) if spec.prompt is not None else ())
        upcoming = tuple(
            self._message(
                spec, len(said) + n, role="user", content=text, images=spec.images if n == 0 else None
            )
            for n, text in enumerate(turns)
        )
        # A history that waits for an answer is answered first.
        first = upcoming[0] if upcoming and not (said and said[-1].role != MessageRole.assistant) else None
        return {
            "llm_config": self._config({name: getattr(spec, name) for name in CONFIG_COLUMNS}),
            "system_prompt": self._prompt(spec.system_prompt),
            "forced_output": self._output(spec),
            "tools": [self._tool(name) for name in spec.tools or ()],
            "history": said,
            "new_message": None if first is None else first.content,
            "new_images": None if first is None else first.images,
            "max_steps": spec.max_steps,
            "max_repairs": spec.max_repairs,
            "name": spec.thread_key,
            "parent_id": None if spec.past is None else spec.past.version,
        }, upcoming

    def _amended(
        self, given: Conversation, amendments: Sequence[Amendment], fields: Mapping[str, Any]
    ) -> Conversation:
        """The conversation as it is to be held now; those of earlier generations are before it."""
        branches: list[Conversation] = []
        earlier = {one.of for one in amendments} - {self._generation}
        for generation in (*sorted(earlier), self._generation):
            now = replace(given, generation=generation)
            branches.append(now)
            for amendment in amendments:
                if amendment.of == generation:
                    now = self._asked_again(now, amendment, fields)
                    branches.append(now)
        return replace(branches[-1], before=tuple(branches[:-1]))

    def _asked_again(
        self, conversation: Conversation, amendment: Amendment, fields: Mapping[str, Any]
    ) -> Conversation:
        if amendment.request_key is not None:
            again = {**conversation.again, amendment.request_key: amendment.generation}
            return replace(conversation, again=again)
        before = conversation.thread.llm_config
        config = {name: getattr(before, name) for name in CONFIG_COLUMNS} | dict(amendment.config)
        thread = ChatThread.cold(
            lineage_id=conversation.thread.lineage_id,
            created_at=self._partition.instant,
            **{**fields, "llm_config": self._config(config)},
        )
        return replace(conversation, thread=thread, generation=amendment.generation, again={})

    def _message(self, spec: ThreadSpec, position: int, **fields: Any) -> ChatMessage:
        return ChatMessage.cold(
            lineage_id=self._lineage("message", spec.thread_key, position),
            created_at=self._partition.instant,
            **fields,
        )

    def _config(self, columns: Mapping[str, Any]) -> LLMConfig:
        fields = dict(columns)
        for name in _LATER_COLUMNS:  # at their defaults they leave the lineages of earlier stores as they are
            if fields[name] == LLMConfig.model_fields[name].default:
                del fields[name]
        return self._share(LLMConfig, fields)

    def _prompt(self, text: str | None) -> SystemPrompt | None:
        return None if text is None else self._share(SystemPrompt, {"content": text})

    def _output(self, spec: ThreadSpec) -> CallableTool | StructuredTool | None:
        if spec.forced_output is not None:
            return self._tool(spec.forced_output)
        if spec.output_schema is None:
            return None
        return self._share(StructuredTool, _named_output(spec.output_schema))

    def _tool(self, name: str) -> CallableTool | StructuredTool:
        kind, fields = self._tools.tools[name]
        return self._share(kind, fields)

    def _share(self, kind: type[E], fields: Mapping[str, Any]) -> E:
        """The one entity of this content in the partition; its lineage follows from the content."""
        key = (kind, _spelt(fields))
        if key not in self._shared:
            if len(self._shared) >= _MOST_SHARED:
                self._shared.clear()
            lineage = self._lineage(kind.entity_kind, str(ids.hash_uuid(kind.entity_kind, dict(fields))))
            self._shared[key] = kind.cold(lineage_id=lineage, created_at=self._partition.instant, **fields)
        return self._shared[key]  # type: ignore[no-any-return]

    def _lineage(self, *names: str | int) -> Any:
        return ids.lineage_id(self._partition.instant, self._partition.dataset, self._partition.key, *names)


def _spelt(fields: Mapping[str, Any]) -> bytes:
    """The same for the same fields."""
    try:
        return orjson.dumps(dict(fields))
    except TypeError:
        return ids.canonical_json(fields)


def _said(message: SpecMessage, called: Mapping[str, str]) -> dict[str, Any]:
    """
    A message of the history as the fields of an entity.

    Args:
        called: The tool that each call of the history is of.
    """
    fields: dict[str, Any] = {"role": message.role, "content": message.content, "images": message.images}
    if message.tool_call_id is not None:
        name = called[message.tool_call_id]
        return {**fields, "oai_tool_call_id": message.tool_call_id, "tool_name": name}
    calls = [
        CalledTool(call_id=call.id, name=call.name, arguments=call.arguments)
        for call in message.tool_calls or ()
    ]
    if not calls:
        return fields
    first, *others = calls
    return {
        **fields,
        "tool_name": first.name,
        "tool_call": first.arguments,
        "oai_tool_call_id": first.call_id,
        "more_tool_calls": others or None,
    }


def _named_output(schema: dict[str, Any]) -> dict[str, Any]:
    """The tool's name and description are the schema's own title and description where it has them."""
    named: dict[str, Any] = {"json_schema": schema}
    if isinstance(title := schema.get("title"), str) and title:
        # OpenAI's rule for a schema's name: letters, digits, _ and -, at most 64.
        named["name"] = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in title)[:64]
    if isinstance(description := schema.get("description"), str) and description:
        named["description"] = description
    return named
