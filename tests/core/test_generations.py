"""Which answers of a partition count: kept beside the journal, and never guessed."""

from pathlib import Path

import pytest

from minference_core.errors import JournalError
from minference_core.specs import Generations


def test_who_answers_has_a_generation_of_their_own_for_ever(tmp_path: Path) -> None:
    assert Generations(tmp_path).begin("simulator") == 0
    assert Generations(tmp_path).begin("providers") == 1
    assert Generations(tmp_path).begin("simulator") == 0
    assert Generations(tmp_path).begin("providers", fresh=True) == 2


def test_a_file_that_was_damaged_is_named(tmp_path: Path) -> None:
    Generations(tmp_path).begin("simulator")
    (tmp_path / "generations.json").write_text("")

    with pytest.raises(JournalError, match=r"generations\.json is damaged"):
        Generations(tmp_path)
