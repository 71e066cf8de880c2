"""
The functions this process was told it may run, and running them: the original's calls.

What is kept of them is `catalogue.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from minference_core.errors import ToolError, ToolNotOptedIn
from minference_core.tools import remembered
from minference_core.tools.catalogue import Catalogue
from minference_core.tools.interface import RegistryInfo
from minference_core.tools.remembered import log
from minference_core.tools.sandbox.limits import SandboxLimits
from minference_core.tools.sandbox.source import SourceVersion
from minference_core.tools.versions import PlainVersion, Version

__all__ = ["CallableRegistry", "aexecute_callable", "execute_callable"]

_LONGEST_LOGGED = 500


class CallableRegistry:
    """
    The one registry of the process; its calls work on the class and on `CallableRegistry()` alike.

    Every call may be made from any thread.
    """

    _instance: ClassVar["CallableRegistry | None"] = None
    catalogue: ClassVar[Catalogue] = Catalogue()
    _registry: ClassVar[dict[str, Callable[..., Any]]] = catalogue.functions

    def __new__(cls) -> Self:
        cls._instance = cls._instance or super().__new__(cls)
        return cls._instance  # type: ignore[return-value]

    # ── what may run ──────────────────────────────────────────────────────────

    @classmethod
    def register(cls, name: str, func: Callable[..., Any]) -> None:
        """
        Register a function of this process under a name that is free.

        Raises:
            ToolError: The name is taken; the function's type hints are missing or cannot be said in JSON.
        """
        with _told(f"Registration failed for {name}"):
            cls._refuse_if_taken(name)
            cls.catalogue.add(name, PlainVersion(func, name))
        log.info("Successfully registered function: %s", name)

    @classmethod
    def register_from_text(cls, name: str, func_text: str, limits: SandboxLimits | None = None) -> None:
        """
        Register a function that is text: calling this is the permission to run that text.

        It runs in a process of its own, never in this one; see `CallableTool.from_source`.

        Args:
            func_text: Python source that defines the function, or one lambda, which takes and gives a number.
            limits: What it may use.

        Raises:
            ToolError: The name is taken; the text is not that of a function with type hints.
        """
        with _told("Failed to register function from text"):
            cls._refuse_if_taken(name)
            cls.catalogue.add(name, SourceVersion(func_text, name, limits or SandboxLimits()))
        log.info("Successfully registered function from text: %s", name)

    @classmethod
    def update(cls, name: str, func: Callable[..., Any]) -> None:
        """
        Make a function the current one of its name, whether there was one or not.

        Tools made before go on with the version they were made of.

        Raises:
            ToolError: Its type hints are missing or cannot be said in JSON.
        """
        with _told(f"Update failed for {name}"):
            cls.catalogue.add(name, PlainVersion(func, name), replace=True)
        log.info("Successfully updated function: %s", name)

    @classmethod
    def update_from_text(cls, name: str, func_text: str, limits: SandboxLimits | None = None) -> None:
        """As `update`, with a function that is text, as in `register_from_text`."""
        with _told(f"Update failed for {name}"):
            version = SourceVersion(func_text, name, limits or SandboxLimits())
            cls.catalogue.add(name, version, replace=True)
        log.info("Successfully updated function from text: %s", name)

    @classmethod
    def offer(cls, name: str, version: Version) -> Version:
        """
        Register a version unless that function is registered already: for tools.

        Returns:
            The version that tools of it are to use.

        Raises:
            ToolError: Another function has that name.
        """
        with _told(f"Registration failed for {name}"):
            kept = cls.catalogue.offer(name, version)
        if kept is version:
            log.info("Successfully registered function: %s", name)
        return kept

    @classmethod
    def delete(cls, name: str) -> None:
        """
        Take the permission back: every tool of that name fails from now on.

        Raises:
            ToolError: There is none of that name.
        """
        with _told("Deletion failed"):
            cls.catalogue.remove(name)
        log.info("Successfully deleted function: %s", name)

    @classmethod
    def clear(cls) -> None:
        """Forget every function; the log stays."""
        cls.catalogue.clear()

    # ── what there is ─────────────────────────────────────────────────────────

    @classmethod
    def get(cls, name: str) -> Callable[..., Any] | None:
        """The current function of a name; one that is text is called in its own process."""
        return cls._registry.get(name)

    @classmethod
    def get_info(cls, name: str) -> RegistryInfo | None:
        """What the current function of a name takes and gives."""
        version = cls.catalogue.current(name)
        return None if version is None else version.info(name)

    @classmethod
    def get_registry_status(cls) -> dict[str, Any]:
        signatures = {
            name: version.info(name).signature for name, version in cls.catalogue.all_current().items()
        }
        return {
            "total_functions": len(signatures),
            "registered_functions": list(signatures),
            "function_signatures": signatures,
        }

    # ── running it ────────────────────────────────────────────────────────────

    @classmethod
    def execute(
        cls, name: str, input_data: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """
        Call the current function of a name and wait for its result.

        Args:
            input_data: Arguments by name, or the fields of its model.
            timeout_s: Seconds to wait. A function of this process goes on unheard after that, one that
                is text is stopped; for that one the default is its limits'.

        Returns:
            The fields of the model it returned, or anything else under `result`; always JSON.

        Raises:
            ToolError: There is none of that name, or it gave no result.
        """
        return cls.run(cls._known(name), name, input_data, called=name, timeout_s=timeout_s)

    @classmethod
    async def aexecute(
        cls, name: str, input_data: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """As `execute`, without blocking the event loop."""
        return await cls.arun(cls._known(name), name, input_data, called=name, timeout_s=timeout_s)

    @staticmethod
    def run(
        version: Version, name: str, input_data: Mapping[str, Any], *, called: str, timeout_s: float | None
    ) -> dict[str, Any]:
        """Run one version of a function, and log that it was run; never with what."""
        with _told(f"Sync execution failed for {name}"):
            result = version.run(input_data, called=called, timeout_s=timeout_s)
        log.info("Successfully executed %s synchronously", name)
        return result

    @staticmethod
    async def arun(
        version: Version, name: str, input_data: Mapping[str, Any], *, called: str, timeout_s: float | None
    ) -> dict[str, Any]:
        """As `run`, without blocking the event loop."""
        with _told(f"Async execution failed for {name}"):
            result = await version.arun(input_data, called=called, timeout_s=timeout_s)
        log.info("Successfully executed %s asynchronously", name)
        return result

    # ── the log ───────────────────────────────────────────────────────────────

    @staticmethod
    def get_logs() -> str:
        """The last thousand lines that were logged."""
        return remembered.get_logs()

    @staticmethod
    def clear_logs() -> None:
        remembered.clear_logs()

    @staticmethod
    def set_log_level(level: int | str) -> None:
        remembered.set_log_level(level)

    # ── inside ────────────────────────────────────────────────────────────────

    @classmethod
    def _refuse_if_taken(cls, name: str) -> None:
        """Before anything is read or run."""
        if name in cls._registry:
            log.error("Registration failed: Function '%s' already registered", name)
        cls.catalogue.refuse_if_taken(name)

    @classmethod
    def _known(cls, name: str) -> Version:
        version = cls.catalogue.current(name)
        if version is None:
            available = list(cls._registry)
            raise ToolNotOptedIn(f"Function '{name}' not found in registry. Available: {available}")
        return version


def execute_callable(
    name: str, input_data: Mapping[str, Any], registry: type[CallableRegistry] | None = None
) -> dict[str, Any]:
    """`CallableRegistry.execute`, as a function."""
    return (registry or CallableRegistry).execute(name, input_data)


async def aexecute_callable(
    name: str, input_data: Mapping[str, Any], registry: type[CallableRegistry] | None = None
) -> dict[str, Any]:
    """`CallableRegistry.aexecute`, as a function."""
    return await (registry or CallableRegistry).aexecute(name, input_data)


@contextmanager
def _told(failed: str) -> Iterator[None]:
    """Log a failure on its way to the caller."""
    try:
        yield
    except ToolError as exc:
        log.error("%s: %.*s", failed, _LONGEST_LOGGED, exc)
        raise
