"""
What a refusal from a provider means: decided by status, code and type, never by a word in a message.

One exception, with its reason: a context that is too long has no code of its own on Anthropic and
vLLM, so there the documented sentence is all there is to go by.
"""

from collections.abc import Mapping
from typing import Any

from minference_core import ids
from minference_core.errors import ErrorClass

__all__ = ["classify", "retry_after_s"]

_BY_CODE: Mapping[str, ErrorClass] = {
    "insufficient_quota": ErrorClass.QUOTA,
    "billing_hard_limit_reached": ErrorClass.QUOTA,
    "billing_error": ErrorClass.QUOTA,
    "invalid_api_key": ErrorClass.AUTH,
    "authentication_error": ErrorClass.AUTH,
    "permission_error": ErrorClass.AUTH,
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
    403: ErrorClass.AUTH,
    404: ErrorClass.NOT_FOUND,
    408: ErrorClass.TIMEOUT,
    413: ErrorClass.CONTEXT_LENGTH,
    429: ErrorClass.RATE_LIMIT,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
_TOO_LONG = ("prompt is too long", "maximum context length")


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
    if status == 400 and any(words in message for words in _TOO_LONG):
        return ErrorClass.CONTEXT_LENGTH, message
    by_family = ErrorClass.SERVER if status >= 500 else ErrorClass.BAD_REQUEST
    return _BY_STATUS.get(status, by_family), message


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """
    The provider's advice on when to ask again, in seconds; None if it gave none we can read.

    Args:
        headers: By lower-case name. `retry-after-ms` is OpenAI's finer form and wins.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
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
