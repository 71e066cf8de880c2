"""Drawings of lineages, as Mermaid itself reads them."""

import re
import unicodedata
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minference_core.entities import EntityRegistry, mermaid
from minference_core.entities.tree import sorted_tree

from .conftest import Draw
from .samples import Message, Note, Prompt, Thread

JOINER = "\u2060"  # keeps apart what Mermaid would take for something; nobody sees it

HOSTILE = [
    '"', '""', 'say "hi"', '"]', '"| b', "'", "`code`", "```", "\\", "\\n", "C:\\new", "a\nb",
    "\r\n", "\t", "[x]", "(x)", "{x}", "|", "||", "#", "#35;", "#quot;", "&", "&amp;", "&#35;",
    "&lt;", ";", "%%", "%% c", "%%{init: {}}%%", "<b>bold</b>", "<br/>", "<br>", "<script>alert(1)",
    "<img src=x>", "-->", "--- text ---", "end", "End", "subgraph x", "graph TD", "click a b",
    "style a fill:#f9f", "style:#f;", "classDef x:#f;", ":::big", "@{ shape: x }", "1. one",
    "- item", "* item", "# title", "> said", "*a* _b_ **c**", "~~a~~", "a__b__c", "$$x^2$$",
    "fa:fa-car", "ﬂ°°35¶ß", "ﬂ°quot¶ß", "http://a.b/c?d=e&f", "😀", "👩‍👩‍👧‍👦", "é 你 ع", "שלום",
    "\u202eabc", "\u2066x\u2069", "\x00", "a\x00b", "\x07\x1b[31m", "\x85\xa0", "\ud800",
    "a\udfffb", "\ufffe", "\u2028", "", " ", "  two  ", "a" * 20, "a" * 21, '"' * 100,
    "x" * 100_000, "null", "None",
]  # fmt: skip


def seen(value: str) -> str:
    """What a reader should see of a value: one line of at most twenty characters, all of them printable."""
    line = "".join(" " if char.isspace() or unseen(char) else char for char in value)
    line = "".join(
        "\ufffd" if unicodedata.category(char) == "Cs" or char == "\ufffe" else char for char in line
    )
    line = re.sub(" +", " ", line)
    return line if len(line) <= 20 else f"{line[:20]}..."


def unseen(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or unicodedata.bidirectional(char) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip


def text_of(lineage_id: UUID) -> str:
    drawing = EntityRegistry.get_lineage_mermaid(lineage_id)
    assert drawing.startswith("```mermaid\ngraph TD\n")
    assert drawing.endswith("\n```")
    return drawing.removeprefix("```mermaid\n").removesuffix("\n```")


def test_ln6_the_drawing_of_a_lineage_line_for_line() -> None:
    """LN6"""
    thread = Thread(name="a", prompt=Prompt(content="Be brief."), history=[Message(content="hi")])
    first = thread.id
    second = thread.fork(name="A name of more than twenty characters").id
    thread.history.append(Message(content="you"))
    thread.prompt.content = "Be long."  # type: ignore[union-attr]
    thread.meta["x"] = 1
    thread.tags = {"a", "b"}
    third = thread.fork().id
    fourth = thread.fork(force=True).id

    assert EntityRegistry.get_lineage_mermaid(thread.lineage_id).splitlines() == [
        "```mermaid",
        "graph TD",
        rf'  {first}["Thread\n{str(first)[-8:]}\nname=a, prompt={{2}}, config={{3}}, ...(4 more)"]',
        rf'  {second}["Thread\n{str(second)[-8:]}\n(1 changes)"]',
        rf'  {third}["Thread\n{str(third)[-8:]}\n(4 changes)"]',
        rf'  {fourth}["Thread\n{str(fourth)[-8:]}\n(0 changes)"]',
        rf'  {first} -->|"name: a→A name of more than ..."| {second}',
        rf'  {second} -->|"prompt* modified\nhistory[1→2]\nmeta updated\n...(1 more)"| {third}',
        rf"  {third} --> {fourth}",
        "```",
    ]


def test_ln7_a_lineage_that_nobody_knows(draw: Draw) -> None:
    """LN7"""
    assert "No data available" in EntityRegistry.get_lineage_mermaid(uuid4())
    assert draw(text_of(uuid4())) == {"nodes": [["empty", "No data available"]], "edges": []}


def test_mermaid_draws_every_version_and_every_step(draw: Draw) -> None:
    note = Note(text="0")
    oldest = note.id
    for n in range(1, 40):
        note.fork(text=str(n))
    branch = EntityRegistry.get(oldest, Note)
    assert branch is not None
    branch.fork(text="other")

    drawn = draw(text_of(note.lineage_id))

    tree = EntityRegistry.get_lineage_tree_sorted(note.lineage_id)
    assert [node for node, _ in drawn["nodes"]] == [str(node) for node in tree["sorted_ids"]]
    assert [(a, b) for a, b, _ in drawn["edges"]] == [(str(a), str(b)) for a, b in tree["edges"]]
    assert len(drawn["edges"]) == len(drawn["nodes"]) - 1 == 40
    assert drawn["nodes"][0][1] == f"Note\n{str(oldest)[-8:]}\ntext=0"
    assert drawn["edges"][0][2] == "text: 0→1"


def test_any_value_is_drawn_as_what_it_says(draw: Draw) -> None:
    assert_drawn(draw, HOSTILE)


def test_any_value_is_drawn_in_a_first_version_as_what_it_says(draw: Draw) -> None:
    firsts = [Note(text=value).cold_snapshot for value in HOSTILE]
    drawing = mermaid.mermaid(sorted_tree([first for first in firsts if first is not None]))

    drawn = draw(drawing.removeprefix("```mermaid\n").removesuffix("\n```"))

    labels = [label.replace(JOINER, "").split("\n", 2)[2] for _, label in drawn["nodes"]]
    assert labels == [f"text={seen(value)}".rstrip() for value in HOSTILE]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.sampled_from("\"'#;&<>[](){}|`\\%:*_~$^=-@!n35quotﬂ°¶ß \n\t\x00é😀\u202e"), max_size=25)
        | st.text(max_size=25),
        min_size=1,
        max_size=10,
    )
)
def test_any_text_at_all_is_drawn_as_what_it_says(draw: Draw, values: list[str]) -> None:
    with EntityRegistry().active():
        assert_drawn(draw, values)


def assert_drawn(draw: Draw, values: list[str]) -> None:
    note = Note(text=values[0])
    said = [values[0]]
    for value in [*values[1:], "after"]:
        if value != said[-1]:
            note.fork(text=value)
            said.append(value)

    drawn = draw(text_of(note.lineage_id))

    assert "error" not in drawn, drawn
    labels = [label.replace(JOINER, "") for *_, label in drawn["edges"]]
    assert labels == [f"text: {seen(old)}→{seen(new)}".rstrip() for old, new in pairwise(said)]
    assert drawn["nodes"][0][1].replace(JOINER, "").split("\n", 2)[2] == f"text={seen(values[0])}".rstrip()
    assert len(drawn["nodes"]) == len(said)


@pytest.mark.parametrize("value", ['say "hi"', '"]', "#35;", "<b>bold</b>", "&amp;", "fa:fa-car", "C:\\new"])
def test_without_the_escaping_these_tests_fail(
    draw: Draw, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mermaid, "_CODES", {})
    monkeypatch.setattr(mermaid, "_JOINER", "")

    with pytest.raises(AssertionError):
        assert_drawn(draw, [value])


def test_a_drawing_of_many_versions_does_not_take_long() -> None:
    note = Note()
    for n in range(2_000):
        note.fork(text=str(n))

    assert EntityRegistry.get_lineage_mermaid(note.lineage_id).count("-->") == 2_000
