"""Loading the datasets' YAML, and saying in a few words which file is wrong and what is wrong in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from pydantic import ValidationError

from minference_assets.components import ConversationDataset
from minference_assets.dataset import Dataset
from minference_assets.definitions import build_defs
from minference_core.errors import ConfigError

__all__ = ["load_datasets", "load_definitions"]

DEFINITIONS = Path(__file__).resolve().parent / "defs"
_AT_MOST = 5  # problems of one file
_COMPONENT = re.compile(r"(?:component|definitions for) (?P<name>[^\s\[]+)\[")
_TREE = "├└│"  # Dagster draws the folders around the file that is wrong


def load_definitions(**overrides: object) -> dg.Definitions:
    """
    Everything that `build_defs` gives.

    Raises:
        ConfigError: A dataset's file is wrong; the message names it.
    """
    try:
        return build_defs(**overrides)
    except Exception as error:  # the files are the user's, Python among them: anything may be wrong in them
        raise ConfigError(f"the datasets cannot be loaded: {_explained(error)}") from error


def load_datasets() -> list[Dataset]:
    """
    What the datasets' files say, in the order of their names.

    Raises:
        ConfigError: A dataset's file is wrong; the message names it.
    """
    names = sorted(file.parent.name for file in DEFINITIONS.glob("*/defs.yaml"))
    try:
        tree = dg.ComponentTree.for_project(DEFINITIONS.parent)
        found = [(name, tree.load_component(name)) for name in names]
        return [each.dataset(name) for name, each in found if isinstance(each, ConversationDataset)]
    except Exception as error:  # as above
        raise ConfigError(f"the datasets cannot be loaded: {_explained(error)}") from error


def _explained(error: Exception) -> str:
    """Dagster wraps what is wrong into what it was doing; a person wants the file and what is wrong in it."""
    causes = list(_causes(error))
    found = next((cause for cause in causes if isinstance(cause, ValidationError)), causes[-1])
    what = "; ".join(_problems(found)) if isinstance(found, ValidationError) else _without_tree(str(found))
    return what if "defs.yaml" in what else f"{_file(str(causes[0]))}: {what}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _problems(error: ValidationError) -> Iterator[str]:
    """Dagster puts the file and the line into the place, but only of what the YAML's own schema refuses."""
    for problem in error.errors()[:_AT_MOST]:
        place = ".".join(map(str, problem["loc"]))
        yield f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _without_tree(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(tuple(_TREE)))


def _file(doing: str) -> str:
    """The file of "Error while loading component NAME[0]:", or the folder of all of them."""
    component = _COMPONENT.search(doing)
    return str(DEFINITIONS / component["name"] / "defs.yaml") if component else f"a file in {DEFINITIONS}"
