"""What is registered persists, and comes back as it was: from the file, in any process."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.entities import Entity, EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.threads import (
    CalledTool,
    CarriedReasoning,
    ChatMessage,
    ChatThread,
    GeneratedJsonObject,
    LLMConfig,
    SystemPrompt,
    Usage,
)
from minference_core.tools import CallableRegistry, CallableTool, StructuredTool
from tests.core.lineage.kinds import Bark, Colour, Corner, Leaf, RareLeaf, Spot, StrictSpot, Twig
from tests.core.lineage.saved import assert_same, attached, cold, in_a_new_process, said

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def registry(data: Path) -> Iterator[EntityRegistry]:
    """The current registry, with a store behind it."""
    with attached(data) as own:
        yield own


# ── every kind ────────────────────────────────────────────────────────────────


def add(a: int, b: int = 1) -> int:
    """Adds."""
    return a + b


def _thread() -> ChatThread:
    schema = StructuredTool(name="answer", json_schema={"type": "object"}, strict_schema=False)
    return ChatThread(
        llm_config=LLMConfig(client="openai", model="gpt-4.1-mini", response_format="workflow"),
        system_prompt=SystemPrompt(content="Be.", name="terse"),
        history=[_message(), ChatMessage(role="user", content="Say \"it\".\n\x00 'é' 𝄞")],
        new_message="",
        forced_output=schema,
        tools=[schema, CallableTool.from_callable(add)],
        workflow_step=1,
        name="all",
        prefill="{",
        postfill="JSON!",
        use_schema_instruction=True,
        use_history=False,
    )


def _message() -> ChatMessage:
    return ChatMessage(
        role="assistant",
        content="",
        images=[b"\x89PNG\r\n\x1a\n", "https://example.com/a.png"],
        reasoning="hm",
        carried=CarriedReasoning(wire="messages", model="m", parts=[{"type": "thinking", "signature": "s"}]),
        finish_reason="tool_calls",
        author_uuid=uuid4(),
        tool_name="add",
        tool_uuid=uuid4(),
        tool_type="Callable",
        oai_tool_call_id="call-1",
        tool_json_schema={"type": "object", "x": [1, None]},
        tool_call={"a": 10**30, "b": 1e-300, "c": "\x00"},
        more_tool_calls=[CalledTool(call_id="call-2", name="add", arguments={"a": 1})],
        is_error=True,
        chat_thread_id=uuid4(),
        parent_message_uuid=uuid4(),
        usage=Usage(
            model="gpt-4.1-mini-2025", prompt_tokens=3, completion_tokens=2**40, provider_cost_usd=0.1
        ),
    )


def _twig() -> Twig:
    leaf, rare = Leaf(text="one", size=0.1), RareLeaf(text="two", price=Decimal("0.10"))
    return Twig(
        name=str(cold(leaf).id),  # a text, and no reference
        leaf=rare,
        leaves=[leaf, Leaf(), leaf],
        by_name={"a/b~c": leaf, "~1": rare, "": Leaf(text="empty key")},
        by_number={7: [leaf], -1: []},
        pair=(leaf, str(cold(rare).id)),
        loose={leaf, str(cold(leaf).id), "text"},
        twigs=[Twig(name="inner", leaves=[rare]), Twig()],
        texts={"leaf": str(cold(leaf).id)},
        price=Decimal("1.50"),
        born=date(2026, 2, 28),
        lasts=timedelta(days=1, microseconds=1),
        seen=datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
        ref=cold(leaf).id,
        shade=Colour.BLUE,
        spot=Spot(at=NOON, shade=Colour.BLUE, marks=(1, 2)),
        corner=Corner(3, 4),
        words={"b", "a"},
        shades=frozenset(Colour),
        raw=b"bytes",
        numbers={1: 0.1, 2: 1e300},
        meta={"deep": [{"id": str(cold(leaf).id)}, None, 10**40, "\x00"]},
        found_by=leaf,
        found_on=NOON,
        looks=3,
    )


KINDS: dict[str, Callable[[], Entity]] = {
    "a thread with all that it can have": _thread,
    "a thread with nothing": lambda: ChatThread(llm_config=LLMConfig(client="openai")),
    "a message with all that it can have": _message,
    "a message with nothing": lambda: ChatMessage(role="user", content=""),
    "a config": lambda: LLMConfig(
        client="vllm",
        model="own/model",
        max_tokens=2**40,
        temperature=None,
        top_p=0.1,
        seed=-(2**70),
        stop=["a", ""],
        reasoning_effort="high",
        chat_template_kwargs={"enable_thinking": False},
        extra_body={"x": {"y": [1.5, None]}},
    ),
    "a config without a model": lambda: LLMConfig(client="openai", temperature=0.1),
    "a prompt": lambda: SystemPrompt(content=""),
    "a schema": lambda: StructuredTool(
        name="s",
        description="d",
        instruction_string="i",
        json_schema={"a": [True]},
        post_validate_schema=False,
    ),
    "an empty schema": StructuredTool,
    "a function": lambda: CallableTool.from_callable(add),
    "usage": lambda: Usage(model="", prompt_tokens=0, cached_tokens=2**40),
    "an object": lambda: GeneratedJsonObject(name="o", object={"a": {"b": []}}, tool_call_id="c"),
    "a user's own kind": _twig,
    "a user's own kind with nothing": Twig,
    "a user's own strict kind": lambda: Bark(
        seen=NOON, leaves=[Leaf(text="x")], spot=StrictSpot(at=NOON, shade=Colour.BLUE, marks=(1,))
    ),
    "a subclass": lambda: RareLeaf(price=Decimal("1E+3")),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_every_kind_comes_back_as_it_was(
    registry: EntityRegistry, data: Path, make: Callable[[], Entity]
) -> None:
    made = make()
    made.fork(force=True)
    registry.flush()

    store = EntityStore(data)

    lineage = store.lineage(made.lineage_id)
    assert lineage == [made.parent_id, made.id]
    for version_id in lineage:
        saved = registry.get_cold_snapshot(version_id)
        assert saved is not None
        assert_same(store.load(version_id), saved)


def test_values_come_back_as_their_types_and_nested_entities_are_cold(
    registry: EntityRegistry, data: Path
) -> None:
    saved = cold(_twig())
    registry.flush()

    found = EntityStore(data).load(saved.id)

    assert isinstance(found, Twig)
    assert type(found.leaf) is RareLeaf
    assert found.pair is not None
    assert (type(found.pair), type(found.pair[0]), found.pair[1]) == (tuple, Leaf, str(saved.leaf.id))
    assert {type(one) for one in found.loose} == {Leaf, str}
    assert (found.price, found.corner, found.shades) == (Decimal("1.50"), Corner(3, 4), frozenset(Colour))
    assert isinstance(found.corner, Corner)
    assert found.spot == Spot(at=NOON, shade=Colour.BLUE, marks=(1, 2))
    assert found.meta["deep"][0]["id"] == found.name == str(found.leaves[0].id)
    assert all(leaf.is_cold for leaf in found.leaves)
    assert found.leaves[0] is found.leaves[2]


def test_loading_a_tool_runs_and_registers_nothing(registry: EntityRegistry, data: Path) -> None:
    script = """
import sys
from pathlib import Path
from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.tools import CallableTool
EntityRegistry.attach(EntityStore(Path(sys.argv[1])))
tool = CallableTool.from_source("def from_elsewhere(a: int) -> int:\\n    return a")
EntityRegistry.flush()
print(tool.id)
"""
    tool_id = UUID(in_a_new_process(script, data).strip())

    tool = CallableTool.get(tool_id)

    assert tool is not None
    assert "from_elsewhere" in (tool.callable_text or "")
    assert CallableRegistry.get("from_elsewhere") is None


# ── other processes ───────────────────────────────────────────────────────────

DIGESTS = """
import hashlib, sys
from pathlib import Path
from uuid import UUID
from minference_core.lineage import EntityStore
from tests.core.lineage import kinds
from tests.core.lineage.saved import said
store = EntityStore(Path(sys.argv[1]))
for version_id in sys.stdin.read().split():
    print(version_id, hashlib.sha256(said(store.load(UUID(version_id)))).hexdigest())
"""


def digests(versions: list[Entity]) -> str:
    return "".join(f"{one.id} {hashlib.sha256(said(one)).hexdigest()}\n" for one in versions)


def digests_in_a_new_process(data: Path, versions: list[Entity]) -> str:
    return in_a_new_process(DIGESTS, data, given=" ".join(str(one.id) for one in versions))


def test_a_new_process_has_every_kind_byte_for_byte(registry: EntityRegistry, data: Path) -> None:
    versions = [cold(make()) for make in KINDS.values()]
    registry.flush()

    assert digests_in_a_new_process(data, versions) == digests(versions)


def test_a_kind_that_was_not_imported_says_what_to_import(registry: EntityRegistry, data: Path) -> None:
    script = """
import sys
from pathlib import Path
from uuid import UUID
from minference_core.errors import StoreError
from minference_core.lineage import EntityStore
try:
    EntityStore(Path(sys.argv[1])).load(UUID(sys.argv[2]))
except StoreError as error:
    print(error)
"""
    twig = Twig()
    registry.flush()

    assert (
        "is a StoredTwig, and no module that defines it has been imported: import "
        "tests.core.lineage.kinds first" in in_a_new_process(script, data, twig.id)
    )


# ── any history ───────────────────────────────────────────────────────────────

OPERATIONS = ("say", "edit", "nested", "branch", "cut", "clone", "deepen", "save", "fold")
Operation = tuple[str, int]


class Play:
    """A thread and a twig, each edited, forked and branched from any of its versions; saved now and then."""

    def __init__(self, registry: EntityRegistry, data: Path) -> None:
        self.registry = registry
        self.data = data
        config, prompt = LLMConfig(client="openai", model="m"), SystemPrompt(content="s")
        self.thread = ChatThread(llm_config=config, system_prompt=prompt)
        self.twig = Twig(name="first", leaf=Leaf())

    def run(self, operations: list[Operation]) -> None:
        for what, number in operations:
            getattr(self, what)(number)
            self.thread.fork()
            self.twig.fork(force=number % 5 == 0)
        self.registry.flush()

    def say(self, number: int) -> None:
        role = "user" if number % 2 else "assistant"
        self.thread.history.append(ChatMessage(role=role, content=f"said {number}"))
        self.twig.leaves.append(Leaf(text=str(number)))

    def edit(self, number: int) -> None:
        self.thread.new_message = f"{number}" if number % 3 else None
        self.twig.texts[f"/{number}"] = str(self.twig.id)

    def nested(self, number: int) -> None:
        self.thread.llm_config.temperature = number / 50
        if self.twig.leaf is not None:
            self.twig.leaf.text = str(number)

    def branch(self, number: int) -> None:
        versions = self.registry.get_lineage_ids(self.thread.lineage_id)
        self.thread = ChatThread.get(versions[number % len(versions)]) or self.thread
        versions = self.registry.get_lineage_ids(self.twig.lineage_id)
        self.twig = Twig.get(versions[number % len(versions)]) or self.twig
        self.thread.name = self.twig.name = f"branch {number}"

    def cut(self, number: int) -> None:
        del self.thread.history[number % (len(self.thread.history) + 1) :]
        del self.twig.leaves[: number % (len(self.twig.leaves) + 1)]

    def clone(self, _: int) -> None:
        self.thread.history = [*self.thread.history, *self.thread.history][:150]
        self.twig.by_name = {str(n): leaf for n, leaf in enumerate(self.twig.leaves)}

    def deepen(self, number: int) -> None:
        self.twig = Twig(name=f"around {number}", twigs=[self.twig])

    def save(self, _: int) -> None:
        self.registry.flush()

    def fold(self, _: int) -> None:
        self.registry.flush()
        EntityStore(self.data).fold()


def everything(registry: EntityRegistry) -> list[Entity]:
    return list(registry._memory._versions.values())


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99)), max_size=25))
def test_whatever_is_done_every_version_comes_back_byte_for_byte(operations: list[Operation]) -> None:
    with tempfile.TemporaryDirectory() as folder, attached(Path(folder)) as registry:
        Play(registry, Path(folder)).run(operations)

        store = EntityStore(Path(folder))

        for version in everything(registry):
            assert_same(store.load(version.id), version)
        for lineage in {version.lineage_id for version in everything(registry)}:
            assert store.lineage(lineage) == registry.get_lineage_ids(lineage)


def test_and_in_a_new_process(registry: EntityRegistry, data: Path) -> None:
    Play(registry, data).run([(what, n * 7 % 100) for n in range(9) for what in OPERATIONS])
    versions = everything(registry)
    assert len(versions) > 100

    assert digests_in_a_new_process(data, versions) == digests(versions)
