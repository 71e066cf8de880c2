"""What a person is told to type."""

import sys
from pathlib import Path

import pytest

from minference_assets.hints import path_from_here, typed_as


def test_a_path_is_relative_unless_that_is_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert path_from_here(folder / "data") == "data"
    assert path_from_here(tmp_path / "data") == "../data"
    assert path_from_here(Path("/data")) == "/data"


def test_the_command_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / ".venv" / "bin" / "minference"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(command)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert typed_as() == ".venv/bin/minference"

    monkeypatch.setenv("PATH", str(command.parent))
    assert typed_as() == "minference"
