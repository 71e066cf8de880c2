"""The page of a lineage: complete, self-contained, and deaf to what its texts say."""

from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import pytest

from minference_core.errors import StoreError
from minference_core.lineage.page import lineage_page
from minference_core.lineage.page.layout import Node, places
from minference_core.store import connect

from . import hostile_store
from .browser import CHROMIUM, look_at
from .hostile_store import ATTACK
from .small_store import IDS

_VERSIONS = 120
_TAB = "[...document.querySelectorAll('.tabs button')].find((one) => one.textContent === '{}').click()"
_TEXT = "document.querySelector('#version').innerText"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    published = hostile_store.make(tmp_path_factory.mktemp("hostile") / "data", _VERSIONS)
    with connect(published) as connection:
        return lineage_page(connection, hostile_store.LINEAGE)


class Parsed(HTMLParser):
    """Tags as a browser's parser finds them, and every attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_no_text_of_the_store_becomes_markup_and_nothing_leads_elsewhere(hostile: str) -> None:
    page = Parsed(hostile)

    assert page.tags.count("script") == 2  # the data, which is not run, and the page's own
    assert not {"img", "iframe", "link", "object", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert {
        value for name, value in page.attributes if name in ("href", "src") and value and value[0] != "#"
    } == set()
    assert hostile.count("&lt;/script&gt;") > _VERSIONS


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: Debian's package chromium has one")
def test_in_a_real_browser_it_shows_everything_and_runs_nothing_else(hostile: str, tmp_path: Path) -> None:
    file = tmp_path / "lineage.html"
    file.write_text(hostile, encoding="utf-8")
    select = (
        "new Promise((done) => {{ addEventListener('hashchange', () => done(1)); location.hash = '#v{}'; }})"
    )
    find = "document.querySelector('#filter').value = '{}'; document.querySelector('#filter').oninput()"

    answers, wrong = look_at(
        file,
        [
            "[document.querySelectorAll('.tree li').length, document.querySelectorAll('circle').length]",
            "document.querySelectorAll('#version .message').length",
            select.format(30),
            _TEXT,
            _TAB.format("Changes"),
            _TEXT,
            _TAB.format("Cost"),
            _TEXT,
            _TAB.format("Where from"),
            _TEXT,
            find.format("failed"),
            "document.querySelector('#count').innerText",
            "[window.stolen, document.images.length, document.scripts.length]",
        ],
        picture=tmp_path / "lineage.png",
    )

    assert wrong == []
    drawn, messages, _, transcript, _, changes, _, cost, _, origin, _, count, hurt = answers
    assert drawn == [_VERSIONS, _VERSIONS]
    assert messages == 1 + hostile_store.length(_VERSIONS - 1)  # the prompt, too
    assert f"Message 1. {ATTACK}" in transcript
    assert "new in this version" in transcript
    assert "Compared with" in changes
    assert "new" in changes
    assert f"openai / {ATTACK}" in cost
    assert ATTACK in origin
    assert count == f"8 of {_VERSIONS}"
    assert hurt == [None, 0, 2]
    assert (tmp_path / "lineage.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        pytest.param("E", ["1 fork", "$0.0081", "refund_order", "current"], id="a thread"),
        pytest.param("F", ["Forked at", "of refund in sales / 2026-01-03"], id="a fork"),
        pytest.param("L", ["attempt", "hello-2"], id="an answer that was taken over"),
        pytest.param("P", ["SystemPrompt plain", "Be brief and kind."], id="a prompt"),
        pytest.param("G", ["LLMConfig", "0.9"], id="a config"),
        pytest.param("U", ["CallableTool refund_order", "Pay an order back."], id="a tool"),
        pytest.param("re", ["You get 40 dollars back."], id="a message"),
    ],
)
def test_it_is_there_for_everything(
    connection: duckdb.DuckDBPyConnection, lineage: str, words: list[str]
) -> None:
    page = lineage_page(connection, IDS[lineage])

    assert [word for word in words if word not in page] == []


def test_an_unknown_lineage_has_no_page(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StoreError, match="no lineage"):
        lineage_page(connection, uuid4())


def test_a_branch_keeps_its_lane_and_that_of_the_current_version_is_the_first() -> None:
    names = {name: UUID(int=number) for number, name in enumerate("abcdefgx")}
    came_from = {"a": None, "b": "a", "c": "b", "d": "c", "e": "b", "f": "e", "g": "b", "x": None}
    nodes = [Node(names[name], names[parent] if parent else None) for name, parent in came_from.items()]

    def drawn(current: str | None) -> list[tuple[str, int]]:
        by_id = {identity: name for name, identity in names.items()}
        return [(by_id[place.id], place.lane) for place in places(nodes, names[current] if current else None)]

    longest_in_the_lane = [*("ab"), *("ef"), "g", *("cd"), "x"]
    assert [name for name, _ in drawn(None)] == longest_in_the_lane
    assert dict(drawn(None)) == {"a": 0, "b": 0, "c": 0, "d": 0, "e": 1, "f": 1, "g": 1, "x": 0}
    assert dict(drawn("g")) == {"a": 0, "b": 0, "c": 1, "d": 1, "e": 1, "f": 1, "g": 0, "x": 0}
    deep = [Node(UUID(int=n + 1), UUID(int=n) if n else None) for n in range(5000)]
    assert {place.lane for place in places(deep, None)} == {0}
