"""The two forms most of Chat Completions' refusals have."""

from minference_core.simulator.wire import Refused

__all__ = ["bad", "missing"]


def bad(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """Something is wrong with `param`."""
    return Refused(400, message, param=param, code=code)


def missing(where: str) -> Refused:
    """Something is not there."""
    return bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
