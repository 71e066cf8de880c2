"""
The columns of each asset's table as the UI shows them: names and types from the core, and what they mean.
"""

from collections.abc import Mapping

import dagster as dg
import pyarrow as pa

from minference_core.conversations import REQUESTS as REQUEST_COLUMNS
from minference_core.engine import EXCHANGES
from minference_core.export import TRANSCRIPTS as TRANSCRIPT_COLUMNS
from minference_core.export import format_named
from minference_core.store import SCHEMAS

__all__ = ["ENTITY_VERSIONS", "REQUESTS", "RESPONSES", "THREAD_SPECS", "TRANSCRIPTS", "exported"]

# What a name means is the same in every table that has it.
_MEANINGS: Mapping[str, str] = {
    "accepted_prediction_tokens": "Completion tokens that a given prediction saved.",
    "api": "Which of OpenAI's APIs is asked: chat or responses.",
    "arguments": "What a tool was called with, as JSON; in its rows only.",
    "attempt": "Which sending of the request, from 1.",
    "audio_tokens": "Completion tokens that are audio.",
    "body": "The exact body to be sent; never a secret.",
    "cache_creation_tokens": "Prompt tokens that the provider wrote to its cache.",
    "cached_tokens": "Prompt tokens that the provider read from its cache.",
    "client": "Who is asked: openai, anthropic, vllm, litellm or openrouter.",
    "complete": "Whether the conversation reached its end with a valid reply.",
    "completion_tokens": "Tokens of the answer, as the provider counted them.",
    "content_hash": "The hash of the content without its place in history.",
    "cost_high_usd": "Dollars if the answer is as long as it may be.",
    "cost_low_usd": "Dollars if the answer is as short as can be.",
    "cost_usd": "Dollars; empty when the price is unknown.",
    "created_at": "When the exchange that made it finished, UTC.",
    "dataset": "The dataset.",
    "error_class": "rate_limit, server, refusal and so on; empty when all is well.",
    "error_message": "What the provider or the network said.",
    "estimated_prompt_tokens": "What the limiter reserves for the prompt.",
    "extra": "Every other field that is set, as JSON.",
    "extra_body": "A JSON object merged into the request, as text.",
    "file": "The spec file.",
    "finish_reason": "Why the answer ended, in the provider's word.",
    "finished_at": "When the outcome was known, UTC.",
    "forced_output": "The name of the one tool that must be used.",
    "forced_output_id": "The tool that the answer must use.",
    "generation": "Which time of asking for everything these answers are from.",
    "headers": "Headers of the request beside the key's, as JSON; empty when there are none.",
    "id": "One immutable version; it denotes one content, for ever.",
    "images": "Pictures shown before the first user turn: addresses, data URIs or bytes.",
    "in_thread_id": "The version of the thread that was sent.",
    "keep_n": "How many of its parent's messages it keeps.",
    "lineage_id": "All versions of one thing have the same.",
    "llm_config_id": "The configuration it is asked with.",
    "mat_id": "The materialization that wrote it.",
    "max_output_tokens": "The longest answer there can be.",
    "max_repairs": "How often a turn's invalid reply is followed by another try.",
    "max_steps": "The longest tool loop of a turn.",
    "max_tokens": "The longest answer, in tokens.",
    "message_ids": "All its messages, while there are few.",
    "messages": "The conversation: who says what, with calls of tools, their results and images.",
    "meta": "The spec row's meta_* columns, as JSON.",
    "model": "The model's name as its provider spells it.",
    "most_prompt_tokens": "More than the prompt can have, whatever the tokenizer.",
    "n_messages": "How many messages it has.",
    "name": "Its name, if it has one.",
    "new_message": "The user's message that is about to be sent.",
    "new_message_ids": "The messages it adds to its parent's.",
    "output": "The structured object of the last answer, as JSON.",
    "output_schema": "The JSON schema of a structured output, as text.",
    "parent_id": "The version it came from.",
    "partition_key": "The partition.",
    "price_id": "Which version of the price table.",
    "prompt": "One user turn. One of prompt, user_turns and messages is needed.",
    "prompt_audio_tokens": "Prompt tokens that are audio.",
    "prompt_tokens": "Tokens of the prompt, as the provider counted them.",
    "provider_cost_usd": "What the provider itself says that it cost, in dollars.",
    "provider_request_id": "The provider's id of the request, for its support.",
    "reason": "Why the row is invalid, or how the last attempt ended.",
    "reasoning_effort": "How long a reasoning model may think.",
    "reasoning_tokens": "Tokens spent on thinking.",
    "rejected_prediction_tokens": "Completion tokens paid for a prediction that did not hold.",
    "request_key": "The hash of everything that can change the answer.",
    "resolved_model": "The model that the provider says it used.",
    "response_body": "The raw answer, before any parsing.",
    "response_format": "text, json_object, structured_output and so on.",
    "result": "What a tool gave, as JSON; in its rows only.",
    "row": "The row of the spec file, from 1.",
    "reused_from": "The exchange, in the store, whose answer was taken over; empty when it was sent.",
    "run_id": "The run that sent it.",
    "sample": "Which of the row's independent conversations, from 0.",
    "samples": "How many independent conversations to hold for this row.",
    "seed": "Asks the provider for repeatable sampling.",
    "sent_at": "When it was sent, UTC.",
    "service_tier": "Which of its tiers the provider served it in.",
    "spec_hash": "Of what the spec's row says: a run asks for nothing else.",
    "state": "new, answered, failed or invalid.",
    "status_code": "The HTTP status.",
    "step": "Which reply of the model inside the turn, from 0.",
    "stop": "Texts at which the answer ends.",
    "system_prompt": "What the model is told to be.",
    "system_prompt_id": "The system prompt.",
    "temperature": "The sampling temperature.",
    "thread_id": "The version of the thread.",
    "thread_key": "The spec row's name, unique in its partition.",
    "tool_call_id": "The provider's id of the call that a tool's row is of.",
    "tool_id": "The version of the tool; in its rows only.",
    "tool_ids": "The tools it may use.",
    "tool_name": "The tool that ran; empty in the rows of attempts.",
    "tools": "Names of the tools it may use.",
    "top_p": "Nucleus sampling.",
    "turn": "Which user turn, from 0.",
    "turns": "How many turns it will have.",
    "simulated": "The local simulator answered: nothing was paid.",
    "uncertain": "A crash left it unknown whether the provider answered.",
    "url": "Where it was sent.",
    "url_path": "The endpoint under the provider's address.",
    "use_history": "Whether earlier messages are sent too.",
    "use_cache": "Whether Anthropic's prompt caching is asked for.",
    "user_turns": "Several user turns, each sent after the answer to the one before.",
    "version_no": "How many versions came before it.",
    "workflow_step": "Which tool of a workflow comes next.",
}

# What it means in an export, where that is something else, or where it is nowhere else.
_IN_EXPORTS: Mapping[str, str] = {
    "conversations": "Who says what, in turns.",
    "id": "The version of the thread.",
    "images": "The pictures, in order: addresses and data URIs.",
    "parallel_tool_calls": "Whether a reply may call several tools at once; missing where none does.",
    "text": "The whole conversation with ChatML's marks.",
    "tools": "What the model was offered, in OpenAI's form.",
}

_CALL = pa.struct([("id", pa.string()), ("name", pa.string()), ("arguments", pa.string())])
_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("images", pa.list_(pa.string())),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", pa.string()),
    ]
)
_SPEC_COLUMNS = pa.schema(
    [
        pa.field("thread_key", pa.string(), nullable=False),
        ("prompt", pa.string()),
        ("user_turns", pa.list_(pa.string())),
        ("messages", pa.list_(_MESSAGE)),
        ("images", pa.list_(pa.string())),
        ("system_prompt", pa.string()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("api", pa.string()),
        ("max_tokens", pa.int32()),
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("seed", pa.int64()),
        ("stop", pa.list_(pa.string())),
        ("reasoning_effort", pa.string()),
        ("use_cache", pa.bool_()),
        ("response_format", pa.string()),
        ("tools", pa.list_(pa.string())),
        ("forced_output", pa.string()),
        ("output_schema", pa.string()),
        ("samples", pa.int32()),
        ("max_steps", pa.int32()),
        ("max_repairs", pa.int32()),
        ("extra_body", pa.string()),
    ]
)


def _metadata(schema: pa.Schema, meanings: Mapping[str, str] = _MEANINGS) -> dict[str, dg.TableSchema]:
    """Definition-level metadata: shown under "Columns" before anything was ever materialized."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    field.name,
                    str(field.type),
                    description=meanings[field.name],
                    constraints=dg.TableColumnConstraints(nullable=field.nullable),
                )
                for field in schema
            ]
        )
    }


def exported(form: str) -> dict[str, dg.TableSchema]:
    """The columns of an export, or the keys of its lines."""
    return _metadata(format_named(form).columns, {**_MEANINGS, **_IN_EXPORTS})


THREAD_SPECS = _metadata(_SPEC_COLUMNS)
REQUESTS = _metadata(REQUEST_COLUMNS)
RESPONSES = _metadata(EXCHANGES)
# Threads stand for all kinds; the file itself carries a comment on every table and column.
ENTITY_VERSIONS = _metadata(SCHEMAS["thread_version"])
TRANSCRIPTS = _metadata(TRANSCRIPT_COLUMNS)
