"""`minference show` and `minference lineage`, on the small store of the lineage tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from minference_assets.cli import cli
from minference_assets.finding import NotFound
from minference_assets.settings import DATA_VARIABLE
from tests.core.lineage.small_store import IDS, make

Type = Callable[..., str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looking") / "data"
    make(folder)
    return folder


@pytest.fixture
def type_in(data: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type a command; gives what it printed."""
    monkeypatch.setenv(DATA_VARIABLE, str(data))

    def typed(*arguments: str) -> str:
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return typed


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([str(IDS["e2x"])], id="a version"),
        pytest.param([str(IDS["e2x"]).upper().replace("-", "")], id="written otherwise"),
        pytest.param([str(IDS["E"])], id="a lineage"),
        pytest.param([str(IDS["e2x"])[-8:]], id="the end of a version's id"),
        pytest.param([str(IDS["E"])[-8:]], id="the end of a lineage's"),
        pytest.param(["sales", "2026-01-03", "refund"], id="names"),
        pytest.param(["sales", "2026-01-03", "refund", "0"], id="names and sample"),
    ],
)
def test_a_conversation_is_found_by_whatever_names_it(type_in: Type, words: list[str]) -> None:
    said = type_in("show", *words)

    assert said.split("\n\n")[0] == "system\nBe brief and kind."
    assert "40 dollars are on their way." in said
    assert 'refund_order {"order": 17}' in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["abc"], "not a valid UUID, nor a part", id="too short"),
        pytest.param(["refund"], "DATASET PARTITION THREAD_KEY", id="a thread_key alone"),
        pytest.param(["deadbeef"], "no id in the store begins or ends with deadbeef", id="no such end"),
        pytest.param(["019b0000"], "several ids begin or end with 019b0000", id="no unique beginning"),
        pytest.param(["019b0000-0000-8000-8000-00000000ffff"], "not in the store", id="no such id"),
        pytest.param([str(IDS["p1"])], "not a thread but a SystemPrompt", id="no thread"),
        pytest.param(["sale", "2026-01-03", "refund"], "no dataset sale: there is sales", id="no dataset"),
        pytest.param(
            ["sales", "2026-01-04", "refund"], "no partition 2026-01-04: there is", id="no partition"
        ),
        pytest.param(["sales", "2026-01-03", "refunds"], "there is refund", id="no thread"),
        pytest.param(["sales", "2026-01-03", "refund", "2"], "has no sample 2", id="no sample"),
        pytest.param(["sales", "refund"], "say an id", id="half of the names"),
    ],
)
def test_what_is_not_found_is_said_with_what_is_there(
    type_in: Type, words: list[str], complaint: str
) -> None:
    with pytest.raises(NotFound, match=complaint):
        type_in("show", *words)


def test_a_lineage_as_a_table_a_diagram_and_a_page(type_in: Type, tmp_path: Path) -> None:
    assert type_in("lineage", str(IDS["f1"])).count("ChatThread") == 2
    assert type_in("lineage", str(IDS["p1"])).count("SystemPrompt") == 2
    assert type_in("lineage", "sales", "german", "refund-de", "--mermaid").startswith("graph TD\n")
    assert "open it in any browser" in type_in(
        "lineage", str(IDS["E"]), "--html", str(tmp_path / "page.html")
    )
    assert "sales / 2026-01-03 / refund" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said_and_two_forms_at_once_are_refused(
    type_in: Type, tmp_path: Path
) -> None:
    nowhere = CliRunner().invoke(
        cli, ["lineage", str(IDS["E"]), "--html", str(tmp_path / "no" / "page.html")]
    )
    both = CliRunner().invoke(cli, ["lineage", str(IDS["E"]), "--mermaid", "--html", "page.html"])

    assert "cannot be written: No such file or directory" in nowhere.output
    assert "choose one" in both.output
