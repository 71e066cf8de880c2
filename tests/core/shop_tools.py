"""The tools module of a dataset of the tests'."""

from pathlib import Path

from pydantic import BaseModel

COUNTED = Path("/dev/null")  # a test that counts executions says where


class Label(BaseModel):
    """How somebody feels."""

    mood: str
    stars: int


def double(x: int) -> int:
    """Twice a number."""
    with COUNTED.open("a") as file:
        file.write(f"{x}\n")
    return 2 * x


async def add(x: int, y: int = 1) -> int:
    """The sum."""
    return x + y


def broken(x: int) -> int:
    """Never works."""
    raise RuntimeError(f"no luck with {x}")


TOOLS = [double, add, broken, Label]
