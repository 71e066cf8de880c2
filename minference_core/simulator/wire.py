"""
What the server and the two wire formats say to each other.

A wire format reads a body into an `Ask`, and writes an `Answer` or a `Refused` as the provider would. It does
no I/O and, but for which prompts it has cached, keeps nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from minference_core.simulator.ids import Ids
from minference_core.simulator.limits import Allowance, Verdict, Weight

__all__ = ["Answer", "Ask", "JsonObject", "Refused", "ToolSpec", "Wire"]

JsonObject = dict[str, Any]


class Refused(Exception):
    """The provider does not do what was asked; the message is what it would say."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind  # the error's `type`; None means the usual one for the status
        self.param = param
        self.code = code
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call."""

    name: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that has been read and found in order."""

    model: str
    prompt_tokens: int
    max_tokens: int  # how far the answer may go
    declared_max: int | None  # what the request itself said about that
    sampled: bool  # two sendings may differ: the temperature is not 0
    topic: str
    earlier: str = ""  # what was asked before that
    instructions: str = ""  # the system prompt
    schema: Any = None  # the answer is JSON of this schema, unless it is None
    text_schema: Any = None  # the answer is a bare text of this schema, unless it is None
    misfit: bool = False  # what it answers as JSON does not fit what was asked
    prefix: str = ""  # the answer goes on from this and does not repeat it
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "none"  # "none", "auto", "required", or "named" (then `tools` has just that one)
    tool_reluctance: float = (
        0.5  # how likely "auto" ends in words; high after a tool's result, so that loops end
    )
    several_calls: bool = True  # one reply may call more than once
    stop: tuple[str, ...] = ()
    thinking_tokens: int = 0  # at most; how many it is, the answer decides
    must_think: bool = False  # else it decides for itself
    show_thinking: bool = False
    choices: int = 1
    detailed_cost: bool = False  # the caller wants to know what the answer's parts cost

    def weight(self, cached: int) -> Weight:
        """What it weighs before anyone knows how long the answer is."""
        return Weight(self.prompt_tokens, self.choices * (self.declared_max or 16), cached)


@dataclass(frozen=True, slots=True)
class Answer:
    """A body to send, and what it cost."""

    body: JsonObject
    completion_tokens: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """One provider's HTTP interface."""

    @property
    def provider(self) -> str:
        """Short name; limits are kept for each (API key, provider)."""
        ...

    @property
    def request_id_header(self) -> str: ...

    def request_id(self) -> str:
        """A fresh one."""
        ...

    def key(self, headers: Mapping[str, str]) -> str:
        """The API key. Raises `Refused` when there is none, or none that can be right."""
        ...

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        """Raises `Refused` for everything the provider would refuse."""
        ...

    @property
    def counts_apart(self) -> bool:
        """Whether it has limits on input tokens and on output tokens."""
        ...

    def cached_tokens(self, ask: Ask) -> int:
        """How much of the prompt is known from before, as it is now."""
        ...

    def answer(self, ask: Ask, rng: Random, ids: Ids, *, refuse: bool) -> Answer:
        """The reply; with `refuse`, the model's refusal to reply."""
        ...

    def not_json(self) -> Refused:
        """For a body that cannot be parsed."""
        ...

    def no_route(self, method: str, path: str) -> Refused: ...

    def limited(self, verdict: Verdict, ask: Ask) -> Refused:
        """For a request over the limit."""
        ...

    @property
    def overloaded(self) -> int:
        """The status of an answer that there are too many requests, whoever sent them."""
        ...

    def failed(self, status: int) -> Refused:
        """For a failure of the provider's own (an injected one)."""
        ...

    def out_of_credit(self) -> Refused: ...

    def error_body(self, refused: Refused, request_id: str) -> bytes: ...

    def limit_headers(self, allowance: Allowance, now: float, epoch: float) -> dict[str, str]: ...

    def model_list(self) -> JsonObject: ...
