"""Tools made from text, each run in a process that can do little and is stopped when it takes too much."""

from minference_core.tools.sandbox.limits import SandboxLimits

__all__ = ["SandboxLimits"]
