"""A real server on a real socket, and a plain client that knows the three ways of asking."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest

from minference_core.simulator import SimulatorSettings, simulator_in_thread


class Asker:
    """Asks one simulator; whatever a test does not care about has a sensible value."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def chat(
        self,
        text: str = "Why are the tides in the Bay of Fundy so high?",
        *,
        path: str = "/v1/chat/completions",
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx.Response:
        """OpenAI's way; a field given as `...` is left out."""
        body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], **fields}
        return self._post(path, body, {"Authorization": "Bearer sk-test", **(headers or {})})

    def responses(
        self,
        question: str = "Why are the tides in the Bay of Fundy so high?",
        *,
        path: str = "/v1/responses",
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx.Response:
        """OpenAI's newer way."""
        body = {"model": "gpt-5.6-sol", "input": question, **fields}
        return self._post(path, body, {"Authorization": "Bearer sk-test", **(headers or {})})

    def claude(
        self,
        text: str = "Why are the tides in the Bay of Fundy so high?",
        *,
        headers: dict[str, str] | None = None,
        version: str = "2026-10-21",
        **fields: Any,
    ) -> httpx.Response:
        """Anthropic's way."""
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": text}],
            **fields,
        }
        key = {"Authorization": "Bearer sk-ant"} if version == "2026-10-21" else {"x-api-key": "sk-ant"}
        return self._post("/v1/messages", body, {**key, "anthropic-version": version, **(headers or {})})

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        given = {field: value for field, value in body.items() if value is not ...}
        return self.http.post(path, json=given, headers=headers)


Running = Callable[..., AbstractContextManager[Asker]]


@pytest.fixture(scope="session")
def running() -> Running:
    """Start a simulator with these settings, for as long as the block lasts."""

    @contextmanager
    def start(**settings: Any) -> Iterator[Asker]:
        with (
            simulator_in_thread(SimulatorSettings(**settings)) as url,
            httpx.Client(base_url=url, timeout=10) as http,
        ):
            yield Asker(http)

    return start


@pytest.fixture(scope="session")
def ask(running: Running) -> Iterator[Asker]:
    """A simulator without limits or faults, shared by the tests that change nothing."""
    with running(seed=7) as asker:
        yield asker
