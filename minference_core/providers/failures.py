"""
What a refusal from a provider means: decided by status, code and type, never by a word in a message.

One exception, with its reason: a context that is too long has no code of its own on Anthropic and
vLLM, nor has an empty account under Anthropic's older version, so there the documented sentence is all
there is to go by.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from minference_core import ids
from minference_core.errors import ErrorClass

__all__ = ["classify", "error_in_answer", "retry_after_s"]

_BY_CODE: Mapping[str, ErrorClass] = {
    "insufficient_quota": ErrorClass.QUOTA,
    "billing_hard_limit_reached": ErrorClass.QUOTA,
    "billing_error": ErrorClass.QUOTA,
    "invalid_api_key": ErrorClass.AUTH,
    "authentication_error": ErrorClass.AUTH,
    "permission_error": ErrorClass.NOT_FOUND,
    "request_too_large": ErrorClass.CONTEXT_LENGTH,
    "context_length_exceeded": ErrorClass.CONTEXT_LENGTH,
    "content_filter": ErrorClass.CONTENT_FILTER,
    "content_policy_violation": ErrorClass.CONTENT_FILTER,
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
_SENTENCES: Mapping[str, ErrorClass] = {
    "prompt is too long": ErrorClass.CONTEXT_LENGTH,
    "maximum context length": ErrorClass.CONTEXT_LENGTH,
    "credit balance is too low": ErrorClass.QUOTA,
}


def classify(status: int, body: str) -> tuple[ErrorClass, str]:
    """
    The class of a non-2xx answer, and the provider's own words for it.

    Args:
        status: The HTTP status.
        body: The body as it came; any text at all.
    """
    error = _error_object(body)
    message = str(error.get("message") or body.strip() or f"HTTP {status} with an empty body")
    for name in (error.get("code"), error.get("type")):
        if isinstance(name, str) and name in _BY_CODE:
            return _BY_CODE[name], message
    for sentence, found in _SENTENCES.items():
        if status == 400 and sentence in message:
            return found, message
    if status == 403 and isinstance(metadata := error.get("metadata"), dict) and "reasons" in metadata:
        return ErrorClass.CONTENT_FILTER, message  # OpenRouter's moderation
    return _BY_STATUS.get(status, _by_family(status)), message


def _by_family(status: int) -> ErrorClass:
    if status >= 500:
        return ErrorClass.SERVER
    return ErrorClass.BAD_REQUEST if status >= 400 else ErrorClass.NOT_FOUND  # a redirect: a wrong address


def error_in_answer(body: object) -> int | None:
    """The status that an `error` object inside a 200 stands for (OpenRouter sends them); None if none is."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 300 <= code <= 599 else None


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """
    The provider's advice on when to ask again, in seconds; None if it gave none we can read.

    Args:
        headers: By lower-case name. `retry-after-ms` is OpenAI's finer form and wins.
        now: For advice in the form of a date.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return _until(headers.get("retry-after", ""), now)


def _until(http_date: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - now).total_seconds())


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
