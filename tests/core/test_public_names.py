"""What `minference_core` offers, and how it is kept."""

import ast
import subprocess
import sys
from inspect import getdoc, isclass
from pathlib import Path

import pytest

import minference_core

SOURCE = Path(minference_core.__file__).read_text(encoding="utf-8")


def test_the_public_names_are_sorted_and_each_once() -> None:
    # Constants would be first, classes next, functions last, as ruff sorts `__all__`.
    assert minference_core.__all__ == sorted(set(minference_core.__all__), key=lambda n: (n.islower(), n))


def test_type_checkers_see_the_same_names_as_programs() -> None:
    seen = {
        alias.name
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minference_core.")
        for alias in node.names
    }
    assert seen == set(minference_core.__all__)


@pytest.mark.parametrize("name", minference_core.__all__)
def test_each_public_name_can_be_imported_and_says_what_it_is(name: str) -> None:
    thing = getattr(minference_core, name)

    assert getdoc(thing)
    if isclass(thing):
        methods = {n: m for n, m in vars(thing).items() if callable(m) and not n.startswith("_")}
        undocumented = [n for n, m in methods.items() if not getdoc(getattr(thing, n))]
        # A short, named, typed method may need no words; many of them would be a class nobody explained.
        assert len(undocumented) <= 5, undocumented


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ChatBot'"):
        _ = minference_core.ChatBot


def test_importing_the_package_loads_none_of_it() -> None:
    program = (
        "import sys, minference_core; print([m for m in sys.modules if m.startswith('minference_core.')])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
