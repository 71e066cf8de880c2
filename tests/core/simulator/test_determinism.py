"""The same request gets the same answer: in another process, and the second time it is sent."""

import json
import subprocess
import sys
from typing import Any

from tests.core.simulator.conftest import Asker, Running

_ASK_FROM_ANOTHER_PROCESS = """
import json, sys, httpx
from minference_core.simulator import SimulatorSettings, simulator_in_thread

with simulator_in_thread(SimulatorSettings(seed=int(sys.argv[1]))) as url:
    key = {"Authorization": "Bearer k"}
    answer = httpx.post(url + "/v1/chat/completions", json=json.loads(sys.argv[2]), headers=key)
print(answer.json()["choices"][0]["message"]["content"])
"""
_BODY: dict[str, Any] = {
    "model": "gpt-4.1-mini",
    "messages": [{"role": "user", "content": "Wie hoch ist die Zugspitze? 東京は?"}],
    "temperature": 0,
}


def text(asker: Asker, client_request_id: str | None = None, **fields: Any) -> str:
    headers = {} if client_request_id is None else {"x-client-request-id": client_request_id}
    body = asker.chat(headers=headers, **fields).json()
    return str(body["choices"][0]["message"]["content"])


def test_another_process_with_another_hash_seed_says_the_same() -> None:
    def said(seed: int, hash_seed: int) -> str:
        command = [sys.executable, "-c", _ASK_FROM_ANOTHER_PROCESS, str(seed), json.dumps(_BODY)]
        env = {"PYTHONHASHSEED": str(hash_seed), "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(command, env=env, check=True, capture_output=True, encoding="utf-8").stdout

    assert said(seed=1, hash_seed=1) == said(seed=1, hash_seed=2)


def test_another_seed_says_something_else(running: Running) -> None:
    with running(seed=1) as one, running(seed=2) as two:
        assert text(one, temperature=0) != text(two, temperature=0)


def test_a_retry_gets_the_answer_it_would_have_got(ask: Asker) -> None:
    assert text(ask, "request-1") == text(ask, "request-1")


def test_two_samples_of_one_request_differ_unless_the_temperature_is_0(ask: Asker) -> None:
    assert text(ask, "sample-1") != text(ask, "sample-2")
    assert text(ask, "sample-1", temperature=0.7) != text(ask, "sample-2", temperature=0.7)
    assert text(ask, "sample-1", temperature=0) == text(ask, "sample-2", temperature=0)


def test_claude_keeps_to_the_same_rules(ask: Asker) -> None:
    def said(client_request_id: str, **fields: Any) -> object:
        return ask.claude(headers={"x-client-request-id": client_request_id}, **fields).json()["content"]

    assert said("a") == said("a")
    assert said("a") != said("b")
    assert said("a", temperature=0, version="2023-06-01") == said("b", temperature=0, version="2023-06-01")


def test_answers_are_about_the_question(ask: Asker) -> None:
    answer = text(ask, text="Compare saffron with turmeric in paella")

    assert any(word in answer.lower() for word in ("saffron", "turmeric", "paella", "compare"))


def test_a_later_turn_is_not_the_earlier_one_again(ask: Asker) -> None:
    first = {"role": "user", "content": "Tell me about glaciers"}
    told = {"role": "assistant", "content": text(ask, messages=[first])}

    assert text(ask, messages=[first, told, {"role": "user", "content": "And moraines?"}]) != told["content"]
