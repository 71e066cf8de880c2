"""Error bodies of the servers that speak Chat Completions."""

from typing import Literal

import orjson

from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["FAILURES", "NOT_JSON", "NO_KEY", "error_body"]

NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer"
    " auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from"
    " https://platform.openai.com/account/api-keys."
)
NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP"
    " library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you"
    " have trouble figuring out how to fix this, please contact us through our help center at"
    " help.openai.com.)"
)
FAILURES = {
    503: "The engine is currently overloaded, please try again later",
    529: "The engine is currently overloaded, please try again later",
    400: "The request could not be processed.",
    401: "Incorrect API key provided.",
    403: "You are not allowed to sample from this model",
    404: "The requested resource does not exist.",
    408: "Request timeout.",
    413: "Maximum content size limit exceeded.",
}

_GATEWAY = frozenset({502, 504, 520, 522, 524})  # these come from what stands before the API
_GATEWAY_PAGE = (
    "<html>\r\n<head><title>{status} {title}</title></head>\r\n"
    "<body>\r\n<center><h1>{status} {title}</h1></center>\r\n"
    "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_TITLES = {502: "Bad Gateway", 504: "Gateway Time-out"}
_VLLM_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    429: "RateLimitError",
    503: "ServiceUnavailableError",
}
_LITELLM_TYPES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    408: "Timeout",
    429: "RateLimitError",
    503: "ServiceUnavailableError",
}


def error_body(style: Literal["openai", "vllm", "litellm", "openrouter"], refused: Refused) -> bytes:
    """What the server says; an HTML page where it is not the server itself that answers."""
    if style == "openai" and refused.status in _GATEWAY:
        title = _TITLES.get(refused.status, "Connection timed out")
        return _GATEWAY_PAGE.format(status=refused.status, title=title).encode()
    return orjson.dumps(_BODIES[style](refused))


def _openai(refused: Refused) -> JsonObject:
    kind = refused.kind or ("server_error" if refused.status >= 500 else "invalid_request_error")
    return {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}}


def _vllm(refused: Refused) -> JsonObject:
    if refused.status == 401:
        return {"error": "Unauthorized"}
    kind = _VLLM_TYPES.get(refused.status, "InternalServerError")
    return {
        "error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.status}
    }


def _litellm(refused: Refused) -> JsonObject:
    kind = _LITELLM_TYPES.get(refused.status, "InternalServerError")
    return {
        "error": {
            "message": f"litellm.{kind}: {refused.message}",
            "type": refused.kind,
            "param": refused.param,
            "code": str(refused.status),
        }
    }


def _openrouter(refused: Refused) -> JsonObject:
    error: JsonObject = {"message": refused.message, "code": refused.status}
    if refused.status >= 500:
        error["metadata"] = {"provider_name": "Simulator", "raw": refused.message}
        error["message"] = "Provider returned error"
    return {"error": error, "user_id": "user_simulator"}


_BODIES = {"openai": _openai, "vllm": _vllm, "litellm": _litellm, "openrouter": _openrouter}
