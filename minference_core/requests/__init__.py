"""Requests: a conversation's next request, what it may cost, and how recorded answers are read."""

from minference_core.requests.estimate import Estimate, estimate
from minference_core.requests.outcome import Attempt, Meaning, interpret
from minference_core.requests.outputs import ProcessedOutput, RawOutput, json_object_of, raw_result
from minference_core.requests.planned import PlannedRequest
from minference_core.requests.prepare import PreparedRequest, prepare
from minference_core.requests.price import NO_PRICES, OWN_PRICE_ID, PRICE_ID, Price, price
from minference_core.requests.record import ConversationRecord, ExchangeRecord
from minference_core.requests.replay import (
    Answer,
    Ending,
    RecordedResult,
    Records,
    Step,
    known_results,
    replay,
    stamped,
)
from minference_core.requests.tokens import (
    Prompt,
    Weight,
    estimate_prompt_tokens,
    max_output_tokens,
    most_tokens_of,
    token_counter,
    weigh,
)

__all__ = [
    "NO_PRICES",
    "OWN_PRICE_ID",
    "PRICE_ID",
    "Answer",
    "Attempt",
    "ConversationRecord",
    "Ending",
    "Estimate",
    "ExchangeRecord",
    "Meaning",
    "PlannedRequest",
    "PreparedRequest",
    "Price",
    "ProcessedOutput",
    "Prompt",
    "RawOutput",
    "RecordedResult",
    "Records",
    "Step",
    "Weight",
    "estimate",
    "estimate_prompt_tokens",
    "interpret",
    "json_object_of",
    "known_results",
    "max_output_tokens",
    "most_tokens_of",
    "prepare",
    "price",
    "raw_result",
    "replay",
    "stamped",
    "token_counter",
    "weigh",
]
