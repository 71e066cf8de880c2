"""Tools: what a model may be asked to call or to fill in."""

from minference_core.tools.callable_tool import CallableTool
from minference_core.tools.compatibility import validate_schema_compatibility
from minference_core.tools.hints import is_async_callable
from minference_core.tools.interface import RegistryInfo
from minference_core.tools.registry import CallableRegistry, aexecute_callable, execute_callable
from minference_core.tools.running import ensure_async
from minference_core.tools.sandbox import SandboxLimits
from minference_core.tools.schemas import derive_input_schema, derive_output_schema
from minference_core.tools.structured import StructuredTool, check_schema

__all__ = [
    "CallableRegistry",
    "CallableTool",
    "RegistryInfo",
    "SandboxLimits",
    "StructuredTool",
    "aexecute_callable",
    "check_schema",
    "derive_input_schema",
    "derive_output_schema",
    "ensure_async",
    "execute_callable",
    "is_async_callable",
    "validate_schema_compatibility",
]
