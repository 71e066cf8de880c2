"""
What vLLM, LiteLLM and OpenRouter take beside OpenAI's fields, and Anthropic's API took in its older version.

Sources: vLLM's `entrypoints/openai/chat_completion/protocol.py` and `sampling_params.py`; OpenRouter's guides
to reasoning tokens, provider routing and usage accounting. LiteLLM takes what OpenAI does.
The `anthropic` SDK had the fields of the older version until its own version 2.
"""

from typing import Any, Literal

from typing_extensions import TypedDict

__all__ = [
    "IN_ANSWERS",
    "IN_CHOICES",
    "IN_MESSAGES",
    "IN_MESSAGES_API",
    "IN_REPLIES",
    "IN_REQUESTS",
    "IN_RESPONSES",
    "IN_USAGE",
]

JsonObject = dict[str, Any]


class _StructuredOutputs(TypedDict, total=False):
    json: str | JsonObject
    regex: str
    choice: list[str]
    grammar: str
    json_object: bool
    structural_tag: str
    disable_any_whitespace: bool
    disable_additional_properties: bool
    whitespace_pattern: str


class _Vllm(TypedDict, total=False):
    structured_outputs: _StructuredOutputs
    chat_template_kwargs: JsonObject
    add_generation_prompt: bool
    continue_final_message: bool
    include_reasoning: bool


class _Reasoning(TypedDict, total=False):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    max_tokens: int
    exclude: bool
    enabled: bool


class _MaxPrice(TypedDict, total=False):
    prompt: float | str
    completion: float | str
    request: float | str
    image: float | str


class _Routing(TypedDict, total=False):
    order: list[str]
    only: list[str]
    ignore: list[str]
    allow_fallbacks: bool
    require_parameters: bool
    data_collection: Literal["allow", "deny"]
    zdr: bool
    enforce_distillable_text: bool
    quantizations: list[str]
    sort: Literal["price", "throughput", "latency"]
    max_price: _MaxPrice


class _UsageAccounting(TypedDict):
    include: bool


class _OpenRouter(TypedDict, total=False):
    reasoning: _Reasoning
    include_reasoning: bool
    provider: _Routing
    usage: _UsageAccounting


class _Nothing(TypedDict):
    pass


class _Sampling(TypedDict, total=False):
    temperature: float
    top_p: float
    top_k: int


class _Thought(TypedDict, total=False):
    id: str | None
    format: str | None
    index: int


class _Summary(_Thought):
    type: Literal["reasoning.summary"]
    summary: str


class _Encrypted(_Thought):
    type: Literal["reasoning.encrypted"]
    data: str


class _TextOfThought(_Thought):
    type: Literal["reasoning.text"]
    text: str | None


class _Signed(_TextOfThought, total=False):
    signature: str | None


class _VllmMessage(TypedDict, total=False):
    reasoning: str
    reasoning_content: str


class _LiteLlmMessage(TypedDict, total=False):
    reasoning_content: str
    thinking_blocks: list[JsonObject]


class _OpenRouterMessage(TypedDict, total=False):
    reasoning: str
    reasoning_details: list[_Summary | _Encrypted | _Signed]


IN_REQUESTS: dict[str, type] = {
    "openai": _Nothing,
    "vllm": _Vllm,
    "litellm": _Nothing,
    "openrouter": _OpenRouter,
}
IN_MESSAGES: dict[str, type] = {
    "openai": _Nothing,
    "vllm": _VllmMessage,
    "litellm": _LiteLlmMessage,
    "openrouter": _OpenRouterMessage,
}
IN_MESSAGES_API: dict[str, type] = {"2023-06-01": _Sampling, "2026-10-21": _Nothing}


# ── what they answer ──────────────────────────────────────────────────────────


class _VllmAnswer(TypedDict, total=False):
    prompt_logprobs: None
    prompt_token_ids: None
    kv_transfer_params: None


class _VllmChoice(TypedDict, total=False):
    stop_reason: int | str | None
    token_ids: None


class _VllmReply(TypedDict, total=False):
    reasoning: str | None
    reasoning_content: str | None


class _OpenRouterAnswer(TypedDict):
    provider: str


class _CostDetails(TypedDict):
    upstream_inference_cost: float | None
    upstream_inference_prompt_cost: float
    upstream_inference_completions_cost: float


class _OpenRouterUsage(TypedDict, total=False):
    cost: float
    is_byok: bool
    cost_details: _CostDetails


class _OpenRouterChoice(TypedDict, total=False):
    native_finish_reason: str | None


class _OpenRouterReply(TypedDict, total=False):
    reasoning: str | None
    reasoning_details: list[_Summary | _Encrypted | _Signed]


class _StoredResponse(TypedDict):
    """What the API's own example of a response has, and the SDK's model has not."""

    store: bool


_NONE: dict[str, type] = {"openai": _Nothing, "litellm": _Nothing, "vllm": _Nothing, "openrouter": _Nothing}
IN_RESPONSES: type = _StoredResponse
IN_ANSWERS = {**_NONE, "vllm": _VllmAnswer, "openrouter": _OpenRouterAnswer}
IN_USAGE = {**_NONE, "openrouter": _OpenRouterUsage}
IN_CHOICES = {**_NONE, "vllm": _VllmChoice, "openrouter": _OpenRouterChoice}
IN_REPLIES = {**_NONE, "vllm": _VllmReply, "openrouter": _OpenRouterReply}
