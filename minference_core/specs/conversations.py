"""
A thread spec becomes conversations: entities with ids that follow from the dataset and the row.

What many rows say alike (system prompts, configs, schemas) is one entity per partition; what a row
says (history, user turns) is one entity for all its samples; each sample is a thread of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from minference_core import ids
from minference_core.entities import Entity
from minference_core.specs.columns import ThreadSpec
from minference_core.specs.reader import SpecRow, read_rows
from minference_core.specs.source import SpecSource
from minference_core.threads import ChatMessage, ChatThread, Conversation, LLMConfig, SystemPrompt
from minference_core.tools import StructuredTool

__all__ = ["ConversationMaker", "read_conversations"]

E = TypeVar("E", bound=Entity)


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
        self._shared: dict[object, Any] = {}

    def conversations(self, spec: ThreadSpec) -> Iterator[Conversation]:
        """One conversation per sample, as given: nothing said yet."""
        said = [self._message(spec, n, m.role, m.content) for n, m in enumerate(spec.messages or ())]
        turns = spec.user_turns or ((spec.prompt,) if spec.prompt is not None else ())
        upcoming = tuple(self._message(spec, len(said) + n, "user", text) for n, text in enumerate(turns))
        fields: dict[str, Any] = {
            "llm_config": self._config(spec),
            "system_prompt": self._prompt(spec.system_prompt),
            "forced_output": self._output(spec.output_schema),
            "history": said,
            "new_message": upcoming[0].content if upcoming else None,
            "name": spec.thread_key,
        }
        for sample in range(spec.samples):
            thread = ChatThread.cold(
                lineage_id=self._lineage("thread", spec.thread_key, sample),
                created_at=self._partition.instant,
                **fields,
            )
            yield Conversation(
                thread_key=spec.thread_key,
                sample=sample,
                generation=self._generation,
                thread=thread,
                upcoming=upcoming,
            )

    def _message(self, spec: ThreadSpec, position: int, role: str, content: str) -> ChatMessage:
        return ChatMessage.cold(
            lineage_id=self._lineage("message", spec.thread_key, position),
            created_at=self._partition.instant,
            role=role,
            content=content,
        )

    def _config(self, spec: ThreadSpec) -> LLMConfig:
        names = set(LLMConfig.model_fields) & set(ThreadSpec.model_fields)
        return self._share(LLMConfig, {name: getattr(spec, name) for name in sorted(names)})

    def _prompt(self, text: str | None) -> SystemPrompt | None:
        return None if text is None else self._share(SystemPrompt, {"content": text})

    def _output(self, schema: dict[str, Any] | None) -> StructuredTool | None:
        return None if schema is None else self._share(StructuredTool, _named_output(schema))

    def _share(self, kind: type[E], fields: Mapping[str, Any]) -> E:
        """The one entity of this content in the partition; its lineage follows from the content."""
        key = (kind, ids.canonical_json(fields))
        if key not in self._shared:
            lineage = self._lineage(kind.entity_kind, str(ids.hash_uuid(kind.entity_kind, dict(fields))))
            self._shared[key] = kind.cold(lineage_id=lineage, created_at=self._partition.instant, **fields)
        return self._shared[key]  # type: ignore[no-any-return]

    def _lineage(self, *names: str | int) -> Any:
        return ids.lineage_id(self._partition.instant, self._partition.dataset, self._partition.key, *names)


def _named_output(schema: dict[str, Any]) -> dict[str, Any]:
    """The tool's name and description are the schema's own title and description where it has them."""
    named: dict[str, Any] = {"json_schema": schema}
    if isinstance(title := schema.get("title"), str) and title:
        # OpenAI's rule for a schema's name: letters, digits, _ and -, at most 64.
        named["name"] = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in title)[:64]
    if isinstance(description := schema.get("description"), str) and description:
        named["description"] = description
    return named
