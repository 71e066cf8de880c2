"""The two forms most of the Messages API's refusals have."""

from minference_core.simulator.wire import Refused

__all__ = ["bad", "required"]


def bad(message: str) -> Refused:
    """Something is wrong with the request."""
    return Refused(400, message)


def required(where: str) -> Refused:
    """Something is not there."""
    return bad(f"{where}: Field required")
