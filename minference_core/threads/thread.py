"""A conversation as an entity: every change of it is a new version."""

from typing import ClassVar, Self

from pydantic import model_validator

from minference_core.entities import Entity
from minference_core.threads.config import LLMConfig
from minference_core.threads.messages import ChatMessage, SystemPrompt
from minference_core.tools import StructuredTool

__all__ = ["ChatThread"]


class ChatThread(Entity):
    """
    One version of a conversation: what has been said so far and how the next reply is asked for.

    `new_message` is what the user is about to say; starting a turn moves it into the history.
    """

    kind: ClassVar[str] = "ChatThread"

    llm_config: LLMConfig
    system_prompt: SystemPrompt | None = None
    history: tuple[ChatMessage, ...] = ()
    new_message: str | None = None
    forced_output: StructuredTool | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _output_has_a_schema(self) -> Self:
        if self.llm_config.response_format == "structured_output" and self.forced_output is None:
            raise ValueError("response_format 'structured_output' needs forced_output: a StructuredTool")
        return self
