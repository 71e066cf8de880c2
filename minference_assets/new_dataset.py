"""The file that makes a dataset."""

from datetime import date
from pathlib import Path

from minference_assets.dataset import checked_name

__all__ = ["write_dataset"]

_TEMPLATE = """\
# The dataset {name}. Everything it may say: `dg list components` names it, this file shows the usual part.
type: minference_assets.components.ConversationDataset

attributes:
  description: What these conversations are for.
  owners: ["team:you"]
  partitions: {{type: {partitions}}}
  defaults: # for every spec column that a row leaves out
    client: openai
    model: gpt-5.4-mini
    max_tokens: 1000
  limits: # by client; what your account allows
    openai: {{requests_per_minute: 500, tokens_per_minute: 200000}}
  # tools_module: minference_assets.defs.{name}.tools # a tools.py beside this file, with a list TOOLS
  # reuse: rows # each row has an answer of its own, though another asks the same; all: shared over partitions
  budget_usd: 5 # a partition whose plan may cost more is not sent
  # allow_unknown_price: true # without this, nor is one with a model that has no known price
"""


def write_dataset(definitions: Path, name: str, *, first_day: str | None) -> Path:
    """
    Write `<name>/defs.yaml`.

    Args:
        definitions: The folder `minference_assets/defs`.
        name: The dataset's name.
        first_day: The first daily partition; None for partitions under free names.

    Raises:
        ValueError: The name cannot be one, or is taken; the day is none.
    """
    file = definitions / checked_name(name) / "defs.yaml"
    if first_day is not None:
        _must_be_a_day(first_day)
    if file.exists():
        raise ValueError(f"{name} is there already: {file}")
    partitions = "named" if first_day is None else f'daily, start_date: "{first_day}"'
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_TEMPLATE.format(name=name, partitions=partitions), encoding="utf-8")
    return file


def _must_be_a_day(text: str) -> None:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        day = None
    if day != text:
        raise ValueError(f'"{text}" is not a day: write it as 2026-11-16')
