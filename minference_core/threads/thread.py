"""A conversation as an entity: every change of it is a new version."""

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from minference_core.entities import Entity
from minference_core.threads import views
from minference_core.threads.config import LLMConfig, ResponseFormat
from minference_core.threads.images import ImageInput
from minference_core.threads.messages import ChatMessage, MessageRole, SystemPrompt, Usage
from minference_core.tools import CallableTool, StructuredTool

__all__ = ["ChatThread"]

Tool = CallableTool | StructuredTool


class ChatThread(Entity):
    """
    One version of a conversation: what has been said so far and how the next reply is asked for.

    Attributes:
        new_message: What the user is about to say; starting a turn moves it into the history.
        new_images: Pictures that go with it.
        prefill: How the reply begins, where it can be begun for the model (`json_beg`).
        postfill: What is added to the question where it cannot (`json_beg`, `json_object`).
        use_schema_instruction: Put the schema of `forced_output` into the system prompt, too.
        use_history: Send what was said in earlier turns; it is kept either way.
        forced_output: The tool that the model must call, or the schema its reply must have.
        tools: What it may call (`auto_tools`), or must, one after the other (`workflow`).
        workflow_step: How many of them have been called; 0 at first in a workflow, None elsewhere.
        max_steps: How many replies a turn may have, when a loop is held to its end (in a dataset).
        max_repairs: How often in a turn the model is told that its reply is not what was asked for, and
            asked again; each such reply is paid for and kept. For formats that ask for JSON or for a call.
    """

    entity_kind: ClassVar[str] = "ChatThread"

    llm_config: LLMConfig
    system_prompt: SystemPrompt | None = None
    history: list[ChatMessage] = Field(default_factory=list)
    new_message: str | None = None
    new_images: list[ImageInput] | None = None
    forced_output: Tool | None = None
    name: str | None = None
    prefill: str = "Here's the valid JSON object response:```json"
    postfill: str = "\n\nPlease provide your response in JSON format."
    use_schema_instruction: bool = False
    use_history: bool = True
    tools: list[Tool] = Field(default_factory=list)
    workflow_step: int | None = None
    max_steps: Annotated[int, Field(ge=1)] = 10
    max_repairs: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _fits_its_format(self) -> Self:
        form = self.llm_config.response_format
        if form == ResponseFormat.structured_output and not isinstance(self.forced_output, StructuredTool):
            raise ValueError("response_format 'structured_output' needs forced_output: a StructuredTool")
        if form == ResponseFormat.workflow:
            self._check_step()
        return self

    def _check_step(self) -> None:
        if not self.tools:
            raise ValueError("response_format 'workflow' needs tools, in the order they are to be called")
        step = self.workflow_step or 0
        if not 0 <= step <= len(self.tools):
            raise ValueError(f"workflow_step {step}: there are {len(self.tools)} tools, counted from 0")
        self.__dict__["workflow_step"] = step

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        if self.is_cold:
            return
        if self.parent_id is None:
            self._check_unfinished()
        self._link()

    def _link(self) -> None:
        """Tell each message of a history that was given which one it follows."""
        for before, message in pairwise(self.history):
            if message.parent_message_uuid is None and not message.is_cold:
                message.__dict__["parent_message_uuid"] = before.id  # beside the content: no edit

    def _check_unfinished(self) -> None:
        """A new thread cannot begin where its workflow ends; one that came there can be read again."""
        step = self.workflow_step
        if step is not None and step >= len(self.tools):
            raise ValueError(f"workflow_step {step}: there are {len(self.tools)} tools, counted from 0")

    # ── what the next reply is asked with ─────────────────────────────────────

    @property
    def forced_tool(self) -> Tool | None:
        """The one tool that the next reply must call; None where it need not, or all have been."""
        match self.llm_config.response_format:
            case ResponseFormat.tool:
                return self.forced_output
            case ResponseFormat.workflow:
                step = self.workflow_step or 0
                return self.tools[step] if step < len(self.tools) else None
        return None

    @property
    def offered_tools(self) -> list[Tool]:
        """The tools that the next reply may call."""
        if self.llm_config.response_format == ResponseFormat.auto_tools:
            return list(self.tools)
        return [] if self.forced_tool is None else [self.forced_tool]

    def offered_tool(self, name: str) -> Tool | None:
        """The tool that the next reply may call by this name."""
        return next((tool for tool in self.offered_tools if tool.name == name), None)

    def get_tool_by_name(self, tool_name: str) -> Tool | None:
        """One of `tools`, or else `forced_output`, by its name."""
        known = [*self.tools, *([self.forced_output] if self.forced_output is not None else [])]
        return next((tool for tool in known if tool.name == tool_name), None)

    def get_all_usages(self) -> list[Usage]:
        """What each reply was billed for, in order."""
        said = (message for message in self.history if message.role == MessageRole.assistant)
        return [message.usage for message in said if message.usage is not None]

    def reset_workflow_step(self) -> Self:
        """Begin the workflow again; a new version."""
        return self.fork(workflow_step=0)

    # ── how it looks on the wire ──────────────────────────────────────────────

    @property
    def use_prefill(self) -> bool:
        """Whether the reply is begun for the model."""
        return views.use_prefill(self)

    @property
    def use_postfill(self) -> bool:
        """Whether a sentence that asks for JSON is added to the question."""
        return views.use_postfill(self)

    @property
    def system_message(self) -> dict[str, Any] | None:
        """The system message in OpenAI's format; None if there is nothing to instruct."""
        return views.system_message(self)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What is sent next, in the format of the thread's own client."""
        return views.messages(self)

    @property
    def message_objects(self) -> list[ChatMessage]:
        """What was said, as entities."""
        return list(self.history)

    @property
    def oai_messages(self) -> list[dict[str, Any]]:
        """What is sent next, in OpenAI's chat format, system message included."""
        return views.openai_messages(self)

    @property
    def vllm_messages(self) -> list[dict[str, Any]]:
        """What is sent next to a vLLM server."""
        return views.openai_messages(self)

    @property
    def anthropic_messages(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """System blocks and messages in Anthropic's format."""
        return views.anthropic_messages(self)

    @property
    def oai_response_format(self) -> dict[str, Any] | None:
        """`response_format` in OpenAI's chat format; None where none is sent."""
        return views.openai_response_format(self)

    def get_tools_for_llm(self) -> list[dict[str, Any]] | None:
        """The tools on offer, in the format of the thread's own client; None if there are none."""
        return views.tools(self)
