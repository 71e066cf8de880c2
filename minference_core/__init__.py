"""
Conversations with language models: many at once, priced, versioned, and paid for once.

The names below are the library; `docs/library.md` shows them at work. They are imported when they are
first used, so that a program that needs one module does not wait for all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minference_core.engine import Lane, LaneLimits
    from minference_core.entities import Entity, EntityDiff, EntityRegistry, VersionStore, entity_tracer
    from minference_core.errors import ErrorClass, ImmutableVersion, MinferenceError
    from minference_core.lineage import EntityStore
    from minference_core.orchestrator import InferenceOrchestrator, RequestLimits, parse_results_file
    from minference_core.request_files import (
        OAIApiFromFileConfig,
        process_api_requests_from_file,
        run_request_file,
    )
    from minference_core.requests import ProcessedOutput, RawOutput
    from minference_core.threads import (
        CalledTool,
        ChatMessage,
        ChatThread,
        GeneratedJsonObject,
        Image,
        LLMClient,
        LLMConfig,
        MessageRole,
        ResponseFormat,
        SystemPrompt,
        Usage,
        apply,
        next_request,
        parse_json_string,
    )
    from minference_core.tools import (
        CallableRegistry,
        CallableTool,
        RegistryInfo,
        SandboxLimits,
        StructuredTool,
        aexecute_callable,
        derive_input_schema,
        derive_output_schema,
        ensure_async,
        execute_callable,
        is_async_callable,
        validate_schema_compatibility,
    )

__all__ = [
    "CallableRegistry",
    "CallableTool",
    "CalledTool",
    "ChatMessage",
    "ChatThread",
    "Entity",
    "EntityDiff",
    "EntityRegistry",
    "EntityStore",
    "ErrorClass",
    "GeneratedJsonObject",
    "Image",
    "ImmutableVersion",
    "InferenceOrchestrator",
    "LLMClient",
    "LLMConfig",
    "Lane",
    "LaneLimits",
    "MessageRole",
    "MinferenceError",
    "OAIApiFromFileConfig",
    "ProcessedOutput",
    "RawOutput",
    "RegistryInfo",
    "RequestLimits",
    "ResponseFormat",
    "SandboxLimits",
    "StructuredTool",
    "SystemPrompt",
    "Usage",
    "VersionStore",
    "aexecute_callable",
    "apply",
    "derive_input_schema",
    "derive_output_schema",
    "ensure_async",
    "entity_tracer",
    "execute_callable",
    "is_async_callable",
    "next_request",
    "parse_json_string",
    "parse_results_file",
    "process_api_requests_from_file",
    "run_request_file",
    "validate_schema_compatibility",
]

_PACKAGES = (
    "entities",
    "tools",
    "threads",
    "requests",
    "engine",
    "lineage",
    "request_files",
    "orchestrator",
    "errors",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for package in _PACKAGES:
            module = import_module(f"{__name__}.{package}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
