"""
What a refusal from a provider means: decided by status, code and type, never by a word in a message.

One exception, with its reason: a context that is too long has no code of its own on Anthropic and
vLLM, nor has an empty account under Anthropic's older version, and LiteLLM's proxy calls every refusal an
`invalid_request_error`, so there the sentence is all there is to go by.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.providers.reading import shown, text_or_none

__all__ = ["classify", "error_in_answer", "error_text", "error_within", "retry_after_s"]

_BY_CODE: Mapping[str, ErrorClass] = {
    "insufficient_quota": ErrorClass.QUOTA,
    "billing_hard_limit_reached": ErrorClass.QUOTA,
    "billing_error": ErrorClass.QUOTA,
    "invalid_api_key": ErrorClass.AUTH,
    "authentication_error": ErrorClass.AUTH,
    "no_db_connection": ErrorClass.AUTH,  # a LiteLLM proxy without a database knows its one key only
    "permission_error": ErrorClass.NOT_FOUND,
    "request_too_large": ErrorClass.CONTEXT_LENGTH,
    "context_length_exceeded": ErrorClass.CONTEXT_LENGTH,
    "content_filter": ErrorClass.CONTENT_FILTER,
    "content_policy_violation": ErrorClass.CONTENT_FILTER,
    "image_content_policy_violation": ErrorClass.CONTENT_FILTER,
    "misalignment_policy_violation": ErrorClass.CONTENT_FILTER,
    "bio_policy": ErrorClass.CONTENT_FILTER,
    "model_not_found": ErrorClass.NOT_FOUND,
    "not_found_error": ErrorClass.NOT_FOUND,
    "overloaded_error": ErrorClass.OVERLOADED,
    "rate_limit_exceeded": ErrorClass.RATE_LIMIT,
    "rate_limit_error": ErrorClass.RATE_LIMIT,
}
_BY_STATUS: Mapping[int, ErrorClass] = {
    401: ErrorClass.AUTH,
    402: ErrorClass.QUOTA,
    403: ErrorClass.NOT_FOUND,  # often of one model or one prompt, so not a reason to stop the lane
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.NOT_FOUND,
    408: ErrorClass.TIMEOUT,
    409: ErrorClass.SERVER,
    425: ErrorClass.SERVER,
    429: ErrorClass.RATE_LIMIT,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
_BAD_IMAGES = (
    "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "image_too_large",
    "image_too_small", "image_parse_error", "invalid_image_mode", "image_file_too_large",
    "unsupported_image_media_type", "empty_image_file", "failed_to_download_image", "image_file_not_found",
    "data_residency_mismatch",
)  # fmt: skip
# What would have been the status of an error that came inside a 200, where it says no number.
_STATUS_OF: Mapping[str, int] = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "image_content_policy_violation": 400,
    "misalignment_policy_violation": 400,
    "bio_policy": 400,
    **dict.fromkeys(_BAD_IMAGES, 400),
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "vector_store_timeout": 504,
    "overloaded_error": 529,
}
_ADVICE = (
    ("retry-after-ms", 0.001),
    ("retry-after", 1.0),
    ("llm_provider-retry-after-ms", 0.001),
    ("llm_provider-retry-after", 1.0),
)
_STATUS = re.compile("[345][0-9][0-9]")
_SENTENCES: Mapping[str, ErrorClass] = {
    "prompt is too long": ErrorClass.CONTEXT_LENGTH,
    "maximum context length": ErrorClass.CONTEXT_LENGTH,
    "credit balance is too low": ErrorClass.QUOTA,
    "You exceeded your current quota": ErrorClass.QUOTA,
    "litellm.ContextWindowExceededError": ErrorClass.CONTEXT_LENGTH,
    "litellm.ContentPolicyViolationError": ErrorClass.CONTENT_FILTER,
    "Invalid model name passed in model=": ErrorClass.NOT_FOUND,
}
_SAID_BY_SENTENCE = (400, 429)


def classify(status: int, body: str) -> tuple[ErrorClass, str]:
    """
    The class of a non-2xx answer, and the provider's own words for it.

    Args:
        status: The HTTP status.
        body: The body as it came; any text at all.
    """
    error = _error_object(body)
    message = _words(error.get("message")) or _words(body.strip()) or f"HTTP {status} with an empty body"
    for name in (error.get("code"), error.get("type")):
        if isinstance(name, str) and name in _BY_CODE:
            return _BY_CODE[name], message
    for sentence, found in _SENTENCES.items():
        if status in _SAID_BY_SENTENCE and sentence in message:
            return found, message
    if status == 403 and isinstance(metadata := error.get("metadata"), dict) and "reasons" in metadata:
        return ErrorClass.CONTENT_FILTER, message  # OpenRouter's moderation
    return _BY_STATUS.get(status, _by_family(status)), message


def _by_family(status: int) -> ErrorClass:
    if status >= 500:
        return ErrorClass.SERVER
    return ErrorClass.BAD_REQUEST if status >= 400 else ErrorClass.NOT_FOUND  # a redirect: a wrong address


def error_in_answer(body: object) -> int | None:
    """The status that an `error` object inside a 200 stands for; None if there is none, or it says none."""
    if not isinstance(body, dict):
        return None
    error = body if body.get("object") == "error" else body.get("error")
    if not isinstance(error, dict):
        return None
    found = (_status_of(error.get(field)) for field in ("code", "type"))
    return next((status for status in found if status is not None), None)


def error_within(body: str) -> int | None:
    """As `error_in_answer`, of a body that is not parsed yet; None for one that cannot be."""
    if '"error"' not in body:
        return None
    try:
        return error_in_answer(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _status_of(said: object) -> int | None:
    """OpenRouter says the number, LiteLLM the number as text, the others a word."""
    if isinstance(said, str):
        said = int(said) if _STATUS.fullmatch(said) else _STATUS_OF.get(said)
    return said if isinstance(said, int) and 300 <= said <= 599 else None


def error_text(error: object) -> str:
    """What an `error` inside a 200 says: its words, and which it is if it says so."""
    if not isinstance(error, dict):
        return _words(error) or "it does not say why"
    words = _words(error.get("message"))
    if words is None:
        return shown(error)
    name = error.get("code") or error.get("type")
    return words if name is None else f"{_words(name)}: {words}"


def _words(said: object) -> str | None:
    """A text; of anything else what it looks like; None for nothing."""
    if not said:
        return None
    return text_or_none(said) or shown(said)


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """
    The provider's advice on when to ask again, in seconds; None if it gave none we can read.

    Args:
        headers: By lower-case name. `retry-after-ms` is OpenAI's finer form and wins; LiteLLM's proxy passes
            on what the provider behind it said under other names.
        now: For advice in the form of a date, where the answer does not say what time it is.
    """
    for name, unit in _ADVICE:
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    at = _date(headers.get("retry-after", ""))
    if at is None:
        return None
    # By the clock of the one who says it: ours may be hours away from it.
    return max(0.0, (at - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _error_object(body: str) -> dict[str, Any]:
    """The `error` object of any of the documented error bodies; {} for anything else."""
    try:
        parsed = ids.parse_json(body)
    except ValueError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    error = parsed.get("error", parsed)
    return error if isinstance(error, dict) else {"message": error}
