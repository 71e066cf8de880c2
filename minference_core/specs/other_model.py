"""A config for another model than it was written for."""

from collections.abc import Mapping
from typing import Any

from minference_core.threads.config import config_problem

__all__ = ["fitted"]

# What is meant for one model and may be another's undoing: left out where the new one does not take it.
_OF_THE_MODEL = frozenset({"temperature", "top_p", "seed", "stop", "reasoning_effort", "api"})


def fitted(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """
    What of a config is others now: the changes, and None for what the new model or client does not take.

    Args:
        before: All columns of the config.
        changes: Of these, what is to be others.

    Raises:
        Unsupported: It cannot be.
    """
    now, said = {**before, **changes}, dict(changes)
    if now["client"] != before["client"] and "extra_body" not in changes:  # written for another server
        now["extra_body"] = said["extra_body"] = None
    while (problem := config_problem(now)) is not None:
        if problem.field not in _OF_THE_MODEL or now[problem.field] is None:
            raise problem
        now[problem.field] = said[problem.field] = None
    return said
