"""Tools: what a model may be asked to call or to fill in."""

from minference_core.tools.structured import StructuredTool, check_schema

__all__ = ["StructuredTool", "check_schema"]
