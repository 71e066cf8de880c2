"""Anthropic's prompt caching: what is written, what is read, and which marks are refused."""

from typing import Any

import pytest

from minference_core.simulator.anthropic.caching import Cached, Prefix, PrefixCache
from tests.core.simulator.conftest import Asker, Running

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
LONG = "The bay is long and narrow, and its tides are high. " * 120  # more than 1024 tokens
SHORT = "Be brief."


def text(words: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"cache_control": mark} if mark else {})}


def counts(body: dict[str, Any]) -> tuple[int, int, int]:
    """Read from the cache, written to it, and neither."""
    usage = body["usage"]
    by_lifetime = usage["cache_creation"]
    assert usage["cache_creation_input_tokens"] == sum(by_lifetime.values())
    return usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"], usage["input_tokens"]


def test_a_marked_prefix_is_written_once_and_read_afterwards(running: Running) -> None:
    system = [text(LONG, MARK)]
    with running() as ask:
        unmarked = ask.claude("One?", system=LONG).json()
        first = counts(ask.claude("One?", system=system).json())
        second = counts(ask.claude("Two?", system=system).json())
        other = counts(ask.claude("Two?", system=system, model="claude-haiku-5-5").json())

    read, written, rest = first
    assert (read, written > 1024, rest < 50) == (0, True, True)
    assert read + written + rest == unmarked["usage"]["input_tokens"]
    assert second == (written, 0, rest)
    assert other == first, "each model has its own cache"
    assert counts(unmarked)[:2] == (0, 0)


def test_what_is_too_short_is_not_cached(running: Running) -> None:
    with running() as ask:
        for _ in range(2):
            assert counts(ask.claude(system=[text(SHORT, MARK)]).json())[:2] == (0, 0)


def test_a_conversation_reads_what_the_turn_before_has_written(running: Running) -> None:
    first = [{"role": "user", "content": [text(LONG, MARK)]}]
    later = [
        {"role": "user", "content": [text(LONG)]},
        {"role": "assistant", "content": "Indeed."},
        {"role": "user", "content": [text("And now? " * 20, MARK)]},
    ]
    with running() as ask:
        _, written, _ = counts(ask.claude(messages=first).json())
        read, more, _ = counts(ask.claude(messages=later).json())

    assert read == written
    assert 0 < more < 100


def test_lifetimes_are_counted_apart(running: Running) -> None:
    tool = {"name": "f", "description": LONG, "input_schema": {"type": "object"}, "cache_control": HOUR}
    with running() as ask:
        body = ask.claude(tools=[tool], system=[text(LONG, MARK)]).json()

    by_lifetime = body["usage"]["cache_creation"]
    assert by_lifetime["ephemeral_1h_input_tokens"] > 1024
    assert by_lifetime["ephemeral_5m_input_tokens"] > 1024


def test_a_mark_on_the_request_is_one_on_its_last_block(running: Running) -> None:
    with running() as ask:
        bodies = [ask.claude(LONG, cache_control=MARK).json() for _ in range(2)]

    assert counts(bodies[0])[1] > 1024
    assert counts(bodies[1])[0] == counts(bodies[0])[1]


def test_the_oldest_prefix_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minference_core.simulator.anthropic.caching._REMEMBERED", 2)
    cache = PrefixCache()

    for name in (b"a", b"b", b"c"):
        assert cache.use((Prefix(name, 2000, "5m"),)) == Cached(0, 2000, 0)

    assert cache.use((Prefix(b"c", 2000, "5m"),)) == Cached(2000, 0, 0)
    assert cache.use((Prefix(b"a", 2000, "5m"),)) == Cached(0, 2000, 0)


def asked(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            asked(*(text(f"part {n}", MARK) for n in range(5))),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            id="five",
        ),
        pytest.param(
            {
                **asked(*(text(f"part {n}", MARK) for n in range(3))),
                "system": [text("s", MARK)],
                "cache_control": MARK,
            },
            "Found 5.",
            id="five in all",
        ),
        pytest.param(asked(text("", MARK)), "cache_control cannot be set for empty text blocks", id="empty"),
        pytest.param({"system": [text("", MARK)]}, "cannot be set for empty text blocks", id="empty system"),
        pytest.param(asked(text("x", {"type": "forever"})), "messages.0.content.0.cache_control", id="type"),
        pytest.param(asked(text("x", {**MARK, "ttl": "1d"})), "Input should be '5m' or '1h'", id="ttl"),
        pytest.param(
            {"system": [text("s", MARK)], **asked(text("x", HOUR))},
            "must not come after a ttl='5m'",
            id="order",
        ),
    ],
)
def test_wrong_marks_are_refused(ask: Asker, fields: dict[str, Any], message: str) -> None:
    response = ask.claude(**fields)

    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_four_marks_are_taken(ask: Asker) -> None:
    assert ask.claude(**asked(*(text(f"part {n}", MARK) for n in range(4)))).status_code == 200
