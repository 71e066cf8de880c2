"""
A lineage drawn as a Mermaid flowchart.

Mermaid draws 500 steps and 50,000 characters unless its `maxEdges` and `maxTextSize` are raised.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from minference_core.entities.tree import LineageTree, Node

__all__ = ["mermaid"]

_EMPTY = 'graph TD\n  empty["No data available"]'

# How much a drawing says: fields of a root, changes of a step, characters of a value.
_SHOWN = 3
_LONGEST = 20
# Mermaid's own spelling of a line break inside a label.
_BREAK = r"\n"

# What a label cannot hold, or a reader cannot see: controls, halves of characters, line and paragraph
# separators, and the marks that turn the direction of the text after them.
_UNSEEN = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_HALVES = re.compile("[\ud800-\udfff\ufffe\uffff]")
# Each is something to Mermaid, or to the HTML or Markdown that it makes of a label.
_CODES = {ord(char): f"#{ord(char)};" for char in '#"&<>`\\%:;*_~|{}[]$^='}
# When it has read the codes, Mermaid looks for line breaks, formulas, icons and its own private codes
# (`ﬂ°35¶ß`) in what they said: the joiner, which nobody sees, keeps these apart.
_STILL_READ = re.compile(r"\\(?=n)|\$(?=\$)|:(?=fa-)|ﬂ(?=°)|¶(?=ß)")
_JOINER = "\u2060"


def mermaid(tree: LineageTree) -> str:
    """The flowchart, in a code fence: what the first version was, and what each step changed."""
    lines = "\n".join(_drawn(tree)) if tree["nodes"] else _EMPTY
    return f"```mermaid\n{lines}\n```"


def _drawn(tree: LineageTree) -> Iterator[str]:
    yield "graph TD"
    for version_id in tree["sorted_ids"]:
        yield f'  {version_id}["{_BREAK.join(_node_lines(version_id, tree["nodes"][version_id]))}"]'
    for parent_id, version_id in tree["edges"]:
        said = _BREAK.join(_shown(_change(*change) for change in tree["diffs"][version_id].items()))
        label = f'|"{said}"|' if said else ""
        yield f"  {parent_id} -->{label} {version_id}"


def _node_lines(version_id: UUID, node: Node) -> Iterator[str]:
    yield _name(type(node["entity"]).__name__)
    yield str(version_id)[-8:]  # the beginning of an id is only the time of its lineage's birth
    diff = node["diff_from_parent"]
    if diff is None:
        yield ", ".join(_shown(f"{_name(name)}={_size(value)}" for name, value in node["data"].items()))
    else:
        yield f"({len(diff)} changes)"


def _shown(said: Iterable[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    all_said = list(said)
    yield from all_said[:_SHOWN]
    if len(all_said) > _SHOWN:
        yield f"...({len(all_said) - _SHOWN} more)"


def _change(name: str, diff: Mapping[str, Any]) -> str:
    old, new = diff["old"], diff["new"]
    match diff["type"]:
        case "entity_modified":
            return f"{_name(name)}* modified"
        case "list_modified":
            return f"{_name(name)}[{old['length']}→{new['length']}]"
        case "added":
            return f"+{_name(name)}: {_size(new)}"
        case "removed":
            return f"-{_name(name)}: {_size(old)}"
    if isinstance(old, list | dict) or isinstance(new, list | dict):
        return f"{_name(name)} updated"
    return f"{_name(name)}: {_text(old)}→{_text(new)}"


def _size(value: Any) -> str:
    """A value, or how much there is in it."""
    match value:
        case list():
            return f"[{len(value)}]"
        case dict():
            return f"{{{len(value)}}}"
    return _text(value)


def _text(value: Any) -> str:
    """A value as it may stand inside the quotes of a label: one short line."""
    said = _HALVES.sub("\ufffd", _UNSEEN.sub(" ", str(value)))
    short = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    return _STILL_READ.sub(rf"\g<0>{_JOINER}", short).translate(_CODES)


def _name(name: str) -> str:
    """A name: as a text, but of any length, and with the underscores that are in most of them."""
    return _UNSEEN.sub(" ", name).translate({**_CODES, ord("_"): "_"})
