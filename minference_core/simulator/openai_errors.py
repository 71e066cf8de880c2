"""Error bodies of the servers that speak Chat Completions."""

from typing import Literal

import orjson

from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["error_body"]

_GATEWAY = frozenset({502, 504, 520, 522, 524})  # these come from what stands before the API
_GATEWAY_PAGE = (
    "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n"
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
