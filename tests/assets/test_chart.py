"""The pictures of a run: small enough to be drawn in place, whatever the run was like."""

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_assets import chart
from minference_core.engine import LaneLimits, Timeline
from minference_core.errors import ErrorClass

limits = st.builds(
    LaneLimits,
    requests_per_minute=st.none() | st.integers(1, 1_000_000),
    tokens_per_minute=st.none() | st.integers(1, 1_000_000_000),
)
events = st.lists(
    st.tuples(st.sampled_from(["openai", "vllm"]), st.floats(0, 1), st.floats(0.001, 3_600), st.booleans()),
    min_size=1,
    max_size=150,
)


def svg(markdown: str | None) -> ElementTree.Element:
    assert markdown is not None
    assert len(markdown) < 1000
    prefix, suffix = "![over time](<data:image/svg+xml,", ">)"
    assert markdown.startswith(prefix)
    assert markdown.endswith(suffix)
    encoded = markdown[len(prefix) : -len(suffix)]
    assert not {"<", ">", "#", "\n"} & set(encoded)
    return ElementTree.fromstring(unquote(encoded))  # noqa: S314 (our own)


def words(markdown: str | None) -> list[str]:
    return [text.text or "" for text in svg(markdown) if text.tag.endswith("text")]


@settings(deadline=None)
@given(events, limits, limits, st.floats(0.5, 1e6))
def test_a_picture_of_any_run_is_well_formed_and_shown_in_place(
    happened: list[tuple[str, float, float, bool]], one: LaneLimits, other: LaneLimits, seconds: float
) -> None:
    timeline = Timeline(0.0)
    timeline.limits = {"openai": one, "vllm": other}
    for client, at, latency_s, limited in sorted(happened, key=lambda event: event[1]):
        counts = timeline.at(client, at * seconds)
        counts.sent += 1
        counts.prompt_reserved += 1_000
        counts.latency.add(latency_s)
        if limited:
            counts.fail(ErrorClass.RATE_LIMIT)

    for picture in (chart.throughput(timeline), chart.latency(timeline)):
        drawn = svg(picture)
        assert (drawn.get("width"), drawn.get("height")) == ("480", "98")


def test_a_run_that_sent_nothing_has_no_picture() -> None:
    assert chart.throughput(Timeline(0.0)) is None
    assert chart.latency(Timeline(0.0)) is None


def steady(limits: LaneLimits, *, seconds: int = 60, per_s: int = 10, limited: int = 0) -> Timeline:
    timeline = Timeline(0.0)
    timeline.limits = {"openai": limits}
    for n in range(seconds * per_s):
        counts = timeline.at("openai", n / per_s)
        counts.sent += 1
        counts.prompt_reserved += 100
        counts.latency.add(0.5)
        if n < limited:
            counts.fail(ErrorClass.RATE_LIMIT)
    return timeline


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param(
            LaneLimits(requests_per_minute=720), ["openai requests per s", "limit 12"], id="requests"
        ),
        pytest.param(
            LaneLimits(requests_per_minute=6_000, tokens_per_minute=72_000),
            ["openai tokens per s", "limit 1.2k"],
            id="tokens are tighter",
        ),
        pytest.param(LaneLimits(), ["requests per s"], id="no limit"),
    ],
)
def test_throughput_is_drawn_in_what_the_limit_is_tightest_in(limits: LaneLimits, said: list[str]) -> None:
    shown = words(chart.throughput(steady(limits)))

    assert [word.strip() for word in shown if "per s" in word or "limit" in word] == said


def test_the_429s_are_counted_in_the_picture_when_there_are_any() -> None:
    assert "7 × 429" in words(chart.throughput(steady(LaneLimits(), limited=7)))
    assert not [word for word in words(chart.throughput(steady(LaneLimits()))) if "429" in word]


def test_the_latency_is_written_beside_its_lines() -> None:
    shown = words(chart.latency(steady(LaneLimits(), seconds=600)))

    assert {word.split()[0] for word in shown} >= {"latency", "p50", "p99"}
    assert "10 min" in shown


def test_of_several_lanes_the_busiest_with_a_limit_is_drawn_against_it() -> None:
    timeline = steady(LaneLimits(requests_per_minute=720))
    timeline.limits["vllm"] = LaneLimits()
    for n in range(1_000):
        timeline.at("vllm", n * 0.05).sent += 1

    assert {"openai requests per s", "limit 12"} <= set(words(chart.throughput(timeline)))
