"""What the environment says, and what wins."""

from pathlib import Path

import pytest

from minference_assets import settings
from minference_assets.resources import Lake, Providers
from minference_core.engine import LaneLimits


def test_an_exported_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-file\nVLLM_ENDPOINT=http://from-file\n")
    monkeypatch.setenv("OPENAI_API_KEY", "exported")
    monkeypatch.setenv("VLLM_ENDPOINT", "to be taken back")
    monkeypatch.delenv("VLLM_ENDPOINT")

    taken = settings.load_env_file(tmp_path)

    assert taken == ["VLLM_ENDPOINT"]
    key = settings.key("openai")
    assert key is not None
    assert key.get_secret_value() == "exported"
    assert settings.base_url("vllm") == "http://from-file"
    monkeypatch.delenv("VLLM_ENDPOINT")


def test_the_second_name_of_a_key_counts_and_an_empty_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    assert settings.configured_providers() == []

    monkeypatch.setenv("OPENAI_KEY", "sk-second")
    assert settings.configured_providers() == ["openai"]


def test_the_data_are_the_projects_from_any_folder_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.delenv(settings.DATA_VARIABLE)

    assert settings.data_folder() == tmp_path / "data"
    monkeypatch.setenv(settings.DATA_VARIABLE, "mine")
    assert settings.data_folder() == tmp_path / "a" / "b" / "mine"


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert settings.load_env_file(tmp_path) == []


def test_lanes_without_keys_name_the_variable_that_is_missing() -> None:
    lanes = Providers().lanes({"openai": LaneLimits(requests_per_minute=5)})

    assert lanes["openai"].api_key is None
    assert (lanes["openai"].key_name, lanes["openai"].key_required) == ("OPENAI_API_KEY", True)
    assert lanes["openai"].limits.requests_per_minute == 5
    assert not lanes["vllm"].key_required


def test_someones_own_address_may_want_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1/chat/completions")

    lane = Providers().lanes({})["openai"]

    assert (lane.base_url, lane.key_required) == ("http://localhost:1/v1/chat/completions", False)


def test_the_simulator_never_sees_a_real_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv(settings.SIMULATOR_VARIABLE, "http://127.0.0.1:9")

    for lane in Providers().lanes({}).values():
        assert lane.base_url == f"http://127.0.0.1:9/{lane.client}"
        assert lane.api_key is not None
        assert lane.api_key.get_secret_value() == "simulator"


def test_a_key_is_not_in_what_gets_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-hidden")

    assert "hidden" not in repr(Providers().lanes({}))


def test_simulated_and_paid_answers_are_different_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake()
    monkeypatch.setenv("MINFERENCE_SIMULATOR", "http://127.0.0.1:9")
    simulated = lake.begin_generation("chat", "d")
    monkeypatch.delenv("MINFERENCE_SIMULATOR")
    paid = lake.begin_generation("chat", "d")
    monkeypatch.setenv("MINFERENCE_SIMULATOR", "http://127.0.0.1:9")

    assert (simulated, paid) == (0, 1)
    assert lake.begin_generation("chat", "d") == simulated


def test_asking_afresh_begins_a_generation_and_stays_there() -> None:
    lake = Lake()
    lake.begin_generation("chat", "d")

    assert lake.begin_generation("chat", "d", fresh=True) == 1
    assert lake.begin_generation("chat", "d") == 1
    assert lake.begin_generation("chat", "other") == 0
