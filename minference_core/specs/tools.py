"""The tools of a dataset: what its Python module registers, and specs name."""

import importlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import isclass
from typing import Any

from pydantic import BaseModel

from minference_core.errors import ConfigError
from minference_core.tools import CallableTool, StructuredTool

__all__ = ["NO_TOOLS", "ToolSet", "tools_of"]

Tool = CallableTool | StructuredTool

_LISTED_AS = "TOOLS"
_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class ToolSet:
    """
    Tools by name: the kind of each, and what it says of itself.

    They are made into entities for each partition, with lineages of that partition's.
    """

    tools: Mapping[str, tuple[type[Tool], Mapping[str, Any]]] = field(default_factory=dict)

    def kind(self, name: str) -> type[Tool] | None:
        """Which kind the tool of that name is; None if there is none."""
        return self.tools[name][0] if name in self.tools else None

    @property
    def fingerprint(self) -> list[Any]:
        """The same while no tool changes, its function's text included."""
        return [[kind.entity_kind, dict(fields)] for kind, fields in self.tools.values()]


NO_TOOLS = ToolSet()


@lru_cache(maxsize=64)
def tools_of(module: str) -> ToolSet:
    """
    Import a dataset's module, and register what it lists in `TOOLS`: functions with type hints, pydantic
    models (the schema of a reply), or tools. To import it is the permission to run these functions.

    Raises:
        ConfigError: It cannot be imported, or lists something else.
    """
    with _importing:
        try:
            imported = importlib.import_module(module)
        except (Exception, SystemExit) as exc:
            raise ConfigError(f"tools_module {module} cannot be imported: {exc!r}") from exc
        listed = getattr(imported, _LISTED_AS, None)
        if not isinstance(listed, list | tuple):
            raise ConfigError(f"tools_module {module} has no list {_LISTED_AS}: list the tools in it")
        tools: dict[str, tuple[type[Tool], Mapping[str, Any]]] = {}
        for item in listed:
            tool = _tool(item, module)
            if tool.name in tools:
                raise ConfigError(f"tools_module {module} lists two tools called {tool.name}: rename one")
            tools[tool.name] = type(tool), dict(tool.entity_record)
        return ToolSet(tools)


def _tool(item: object, module: str) -> Tool:
    try:
        if isinstance(item, CallableTool | StructuredTool):
            return item
        if isclass(item) and issubclass(item, BaseModel):
            return StructuredTool.from_pydantic(item)
        if callable(item):
            return CallableTool.of_dataset(item, module)
    except ValueError as exc:
        name = getattr(item, "__name__", repr(item))
        raise ConfigError(f"tools_module {module}: {name} cannot be a tool: {exc}") from exc
    raise ConfigError(
        f"tools_module {module}: {_LISTED_AS} holds {item!r}, which is no function, pydantic model or tool"
    )
