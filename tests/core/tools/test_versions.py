"""A name means one function at a time, and a tool goes on meaning the one it was made of."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from minference_core.errors import ToolError, ToolNotOptedIn
from minference_core.tools import CallableRegistry, CallableTool


def price(x: int) -> int:
    return x + 1


def plus(n: Any, default: int = 0) -> Callable[[int, int], Any]:
    def price(x: int, y: int = default) -> Any:
        return [x, y, n]

    return price


def cell(text: str, **names: Any) -> Any:
    """What running a notebook cell defines."""
    names["BaseModel"] = BaseModel
    exec(text, names)  # noqa: S102
    return names["f"]


WITH_Y = "def f(x: int, y: int) -> int:\n    return x + y"


def test_the_same_function_again_is_harmless() -> None:
    first = CallableTool.from_callable(price)
    second = CallableTool.from_callable(price)

    assert first.fingerprint == second.fingerprint
    assert second.execute({"x": 1}) == {"result": 2}


def test_running_a_cell_again_is_harmless_and_a_changed_one_is_refused() -> None:
    text = "def f(x: int) -> int:\n    return [x for _ in range(2)][0]"
    first = CallableTool.from_callable(cell(text))

    again = CallableTool.from_callable(cell("\n\n" + text))

    assert again.fingerprint == first.fingerprint
    with pytest.raises(ToolError, match=r"'f' already registered\. Use update"):
        CallableTool.from_callable(cell("def f(x: int) -> int:\n    return x"))
    with pytest.raises(ToolError, match="already registered"):
        CallableTool.from_callable(cell(text.replace("x: int", "x: float")))


def test_the_same_text_with_another_model_is_another_function() -> None:
    text = "class M(BaseModel):\n    a: int = {}\ndef f(m: M) -> int:\n    return m.a"
    one, two = cell(text.format(1)), cell(text.format(2))

    CallableTool.from_callable(one)

    with pytest.raises(ToolError, match="already registered"):
        CallableTool.from_callable(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param(plus(1), plus(2), id="closure"),
        pytest.param(plus(1), plus(1, default=3), id="default"),
        pytest.param(plus(1), plus(True), id="1 and True"),
        pytest.param(plus([1, {"a": 2.0}]), plus([1, {"a": 2}]), id="deep inside"),
        pytest.param(plus(object()), plus(object()), id="two things alike"),
        pytest.param(plus(price), plus(plus), id="a function inside"),
        pytest.param(partial(cell(WITH_Y), y=1), partial(cell(WITH_Y), y=2), id="partials"),
    ],
)
def test_functions_of_equal_text_are_not_confused(one: Any, two: Any) -> None:
    first = CallableTool.from_callable(one, name="price")
    with pytest.raises(ToolError, match="already registered"):
        CallableTool.from_callable(two, name="price")

    CallableRegistry.update("price", two)
    second = CallableTool.from_registry("price")

    assert first.fingerprint != second.fingerprint
    assert CallableRegistry.catalogue.version("price", first.fingerprint).function is one
    assert CallableRegistry.catalogue.version("price", second.fingerprint).function is two


def test_after_an_update_old_tools_run_the_old_function_and_new_ones_the_new() -> None:
    old = CallableTool.from_callable(plus(1))

    CallableRegistry.update("price", plus(2))
    new = CallableTool.from_registry("price")

    assert old.execute({"x": 0}) == {"result": [0, 0, 1]}
    assert new.execute({"x": 0}) == CallableRegistry.execute("price", {"x": 0}) == {"result": [0, 0, 2]}


def test_deleting_stops_every_tool_of_that_name() -> None:
    old = CallableTool.from_callable(plus(1))
    CallableRegistry.update("price", plus(2))
    new = CallableTool.from_registry("price")

    CallableRegistry.delete("price")

    for tool in (old, new):
        with pytest.raises(ValueError, match="Error executing price: Function 'price' not found in registry"):
            tool.execute({"x": 1})
    CallableTool.from_callable(plus(2))
    assert new.execute({"x": 0}) == {"result": [0, 0, 2]}
    with pytest.raises(ToolNotOptedIn, match="another version"):
        old.execute({"x": 0})


def test_functions_that_hold_each_other() -> None:
    def ping(n: int) -> int:
        return pong(n - 1) if n else 0

    def pong(n: int) -> int:
        return ping(n - 1) if n else 1

    assert CallableTool.from_callable(ping).execute({"n": 3}) == {"result": 1}


PROGRAM = """
from functools import partial
from minference_core.tools import CallableTool

def scale(x: float, by: float = {by}) -> float:
    return x * by

def counted(limit: int):
    def inner(x: int) -> int:
        return min(x, limit)
    return inner

made = [scale, partial(counted({limit}))]
print(*(CallableTool.from_callable(f, name=n).fingerprint for f, n in zip(made, ["scale", "inner"])))
"""


def fingerprints(folder: Path, *, seed: str, by: float = 2.0, limit: int = 3, blank: str = "") -> list[str]:
    file = folder / "program.py"
    file.write_text(blank + PROGRAM.format(by=by, limit=limit))
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    return done.stdout.split()


def test_a_fingerprint_is_the_same_in_another_process(tmp_path: Path) -> None:
    """If this fails, stored tools can no longer be run by the program that made them."""
    first = fingerprints(tmp_path, seed="1")
    second = fingerprints(tmp_path, seed="2", blank="# moved down\n\n")
    other = fingerprints(tmp_path, seed="1", by=3.0, limit=4)

    assert first == second
    assert len({*first, *other}) == 4


def test_a_function_edited_on_disk_since_it_was_imported_is_still_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "edited_module.py"
    file.write_text("def f(x: int) -> int:\n    return x + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    edited_module = importlib.import_module("edited_module")
    imported = CallableTool.from_callable(edited_module.f)
    file.write_text("def f(x: int) -> int:\n    return x + 2\n")
    fresh = cell(file.read_text())

    CallableRegistry.clear()
    stale = CallableTool.from_callable(edited_module.f)

    assert stale.fingerprint != imported.fingerprint, "its text is gone: the code counts"
    assert stale.execute({"x": 1}) == {"result": 2}
    with pytest.raises(ToolError, match="already registered"):
        CallableTool.from_callable(fresh)
