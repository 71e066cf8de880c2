"""A function that a model may call, as an entity that threads share."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, ValidationInfo, model_validator

from minference_core import ids
from minference_core.entities import Entity
from minference_core.errors import ToolNotOptedIn
from minference_core.tools.compatibility import validate_schema_compatibility
from minference_core.tools.forms import JsonSchema, ToolName, anthropic_tool, check_name, openai_tool
from minference_core.tools.hints import name_of
from minference_core.tools.registry import CallableRegistry
from minference_core.tools.sandbox.limits import SandboxLimits
from minference_core.tools.sandbox.source import SourceVersion
from minference_core.tools.versions import PlainVersion, Version

__all__ = ["CallableTool"]


class CallableTool(Entity):
    """
    What a model is told of a function, and which version of it runs when the model calls it.

    The tool is data; the function is in the `CallableRegistry`. A tool that comes from a store or a file
    runs nothing until its function, in that very version, is registered in this process.

    Attributes:
        name: The model calls it by this name; the registry knows the function by it.
        docstring: What the model is told it is for.
        strict_schema: Ask the provider to keep arguments to the schema, where it can.
        callable_text: The function's source, to be read; only `from_source` makes it run.
        fingerprint: The version of the function; None when none was known when the tool was made.
    """

    entity_kind: ClassVar[str] = "CallableTool"

    name: ToolName
    docstring: str | None = None
    input_schema: JsonSchema = Field(default_factory=dict)
    output_schema: JsonSchema = Field(default_factory=dict)
    strict_schema: bool = True
    callable_text: str | None = None
    fingerprint: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_from_registry(cls, data: Any, info: ValidationInfo) -> Any:
        """`CallableTool(name=…)` of a registered function is told by it; what was stored stays as it is."""
        is_stored = isinstance(info.context, dict) and info.context.get("cold")
        if is_stored or not isinstance(data, dict) or "fingerprint" in data:
            return data
        version = CallableRegistry.catalogue.current(str(data.get("name")))
        if version is None or data.get("callable_text") not in (None, version.text):
            return data
        return {**data, **_said_by(version, data)}

    @classmethod
    def from_callable(
        cls,
        func: Callable[..., Any],
        name: str | None = None,
        docstring: str | None = None,
        strict_schema: bool = True,  # noqa: FBT001, FBT002 (the original's call)
    ) -> Self:
        """
        A tool of a function of this process, which is registered if it is not.

        Args:
            func: With type hints for its parameters and result. It runs in this process, and cannot be
                stopped when it hangs.
            name: That of the function by default.
            docstring: That of the function by default.

        Raises:
            ToolError: Another function has that name, or the type hints will not do.
        """
        name = check_name(name_of(func) if name is None else name)
        version = CallableRegistry.offer(name, PlainVersion(func, name))
        return cls._of(version, name, docstring, strict_schema=strict_schema)

    @classmethod
    def from_source(
        cls,
        source: str,
        name: str | None = None,
        docstring: str | None = None,
        strict_schema: bool = True,  # noqa: FBT001, FBT002 (the original's call)
        *,
        limits: SandboxLimits | None = None,
    ) -> Self:
        """
        A tool of a function that is text. Calling this is the permission to run that text.

        It runs in processes of its own, each with limits on time, memory and files, an empty environment
        and folder, and no open files of this one. On Linux it can besides read only Python and the
        system's libraries, write only in its folder, and neither start processes nor reach others; that
        rests on the kernel (Landlock, seccomp), and what it lacks is logged as a warning. On other systems
        it can read and write what this user can. What it can do everywhere: use the network and local
        sockets, and read what is installed with this Python. What it prints is lost.

        Args:
            source: Python that defines the function, with the names of `typing`, `BaseModel` and `Field`
                at hand; or a lambda, which takes and gives one number.
            name: By default that of the function, if there is only one.
            docstring: That of the function by default.
            limits: What it may use; the first run of the text counts, too.

        Raises:
            ToolError: Another function has that name, or the text is not that of a function.
        """
        if name is not None:
            check_name(name)
        version = SourceVersion(source, name, limits or SandboxLimits())
        name = check_name(version.entry if name is None else name)
        kept = CallableRegistry.offer(name, version)
        if limits is not None and isinstance(kept, SourceVersion):
            kept.limits = limits  # of a text that was opted in before
        return cls._of(kept, name, docstring, strict_schema=strict_schema)

    @classmethod
    def from_registry(cls, name: str) -> Self:
        """
        A tool of the current function of that name.

        Raises:
            ToolNotOptedIn: There is none.
        """
        version = CallableRegistry.catalogue.current(name)
        if version is None:
            raise ToolNotOptedIn(f"No function found in registry for '{name}': register it first")
        return cls._of(version, name, None)

    @classmethod
    def of_dataset(cls, func: Callable[..., Any], module: str) -> Self:
        """
        A tool of a function that a dataset's module lists; other datasets may have others of that name,
        even of the same text, and the registry's names stay free.

        Raises:
            ToolError: Its name or type hints will not do.
        """
        name = check_name(name_of(func))
        version = PlainVersion(func, name)
        version.fingerprint = str(ids.hash_uuid("of a dataset", module, version.fingerprint))
        CallableRegistry.catalogue.keep_apart(name, version)
        return cls._of(version, name, None)

    def fork(self, force: bool = False, **changes: Any) -> Self:  # noqa: FBT001, FBT002 (as in Entity)
        """
        The next version; a new `callable_text` is a new function, opted in as by `from_source`.

        Raises:
            ToolError: The new text is not that of a function; nothing is changed.
            pydantic.ValidationError: As `Entity.fork`.
        """
        text = changes.get("callable_text")
        if text is None or text == self.callable_text or "fingerprint" in changes:
            return super().fork(force, **changes)
        name = check_name(changes.get("name", self.name))
        current = CallableRegistry.catalogue.current(name)
        limits = current.limits if isinstance(current, SourceVersion) else SandboxLimits()
        version = SourceVersion(text, name, limits)
        forked = super().fork(force, **{**_said_by(version, {**changes, "name": name}), **changes})
        CallableRegistry.catalogue.add(name, version, replace=True)
        return forked

    # ── calling it ────────────────────────────────────────────────────────────

    def execute(self, input_data: Mapping[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
        """
        Call the function and wait for its result; an async one runs in an event loop of its own.

        Args:
            input_data: Arguments by name, or the fields of its model.
            timeout_s: Seconds to wait; see `CallableRegistry.execute`.

        Returns:
            The fields of the model it returned, or anything else under `result`; always JSON.

        Raises:
            ToolNotOptedIn: This process was not told to run that version of the function.
            ToolFailed: It raised, or its arguments or result do not fit.
            ToolStopped: It took too long or too much.
        """
        version = self._version(self.name)
        return CallableRegistry.run(version, self.name, input_data, called=self.name, timeout_s=timeout_s)

    async def aexecute(
        self, input_data: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """As `execute`, without blocking the event loop."""
        called = f"{self.name} asynchronously"
        version = self._version(called)
        return await CallableRegistry.arun(version, self.name, input_data, called=called, timeout_s=timeout_s)

    def _version(self, called: str) -> Version:
        """The version to run; never one that says something else than this tool does."""
        try:
            version = CallableRegistry.catalogue.version(self.name, self.fingerprint, self.callable_text)
        except ToolNotOptedIn as exc:
            raise ToolNotOptedIn(f"Error executing {called}: {exc}") from None
        if self.callable_text not in (None, version.text):
            raise ToolNotOptedIn(
                f"Error executing {called}: its callable_text is not the text of the function that was opted "
                f"in: change it by fork(callable_text=…), or make a tool with CallableTool.from_source"
            )
        return version

    # ── telling a model of it ─────────────────────────────────────────────────

    def get_openai_tool(self) -> dict[str, Any] | None:
        """The tool in OpenAI's format; None without an input schema."""
        return openai_tool(self.name, self._description, self.input_schema)

    def get_anthropic_tool(self, use_cache: bool = True) -> dict[str, Any] | None:  # noqa: FBT001, FBT002
        """The tool in Anthropic's format; None without an input schema."""
        return anthropic_tool(self.name, self._description, self.input_schema, use_cache=use_cache)

    @property
    def _description(self) -> str:
        return self.docstring or f"Execute {self.name} function"

    @classmethod
    def _of(cls, version: Version, name: str, docstring: str | None, *, strict_schema: bool = True) -> Self:
        told = docstring or version.info(name).doc
        return cls(
            name=name, docstring=told, strict_schema=strict_schema, **_said_by(version, {"name": name})
        )


def _said_by(version: Version, given: Mapping[str, Any]) -> dict[str, Any]:
    """
    What a version says of itself in a tool; schemas that are given stay, if they describe the same.

    Raises:
        ToolError: They do not.
    """
    info = version.info(str(given["name"]))
    said: dict[str, Any] = {"callable_text": version.text, "fingerprint": version.fingerprint}
    for field, derived in (("input_schema", info.input_schema), ("output_schema", info.output_schema)):
        if provided := given.get(field):
            validate_schema_compatibility(derived, provided)
        said[field] = provided or derived
    return said
