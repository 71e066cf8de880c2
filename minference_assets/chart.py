"""
A run over time as two small pictures on one axis: throughput against the limit with the 429s, and latency.

Hand-made SVG in data URIs, since the UI draws Markdown of under 1,000 characters in place and nothing
longer: few points, whole coordinates, names of colours, and nothing encoded that need not be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minference_core.engine import Slice, Timeline

__all__ = ["latency", "throughput"]

_INLINE = 1000
_MOST_POINTS, _FEWEST_POINTS = 60, 4
_WIDTH, _LEFT, _RIGHT = 480, 40, 478
_TOP, _FLOOR = 16, 84


@dataclass(frozen=True, slots=True)
class _Flow:
    """Throughput by stretch, in what the limits are tightest in; of it, what was refused with 429."""

    unit: str
    per_s: Sequence[float]
    refused_per_s: Sequence[float]
    limit_per_s: float | None

    @property
    def top(self) -> float:
        """The end of the axis; a burst may go beyond the picture, what follows is what there is to see."""
        most = max(self.per_s) or 1.0
        if self.limit_per_s is None:
            return most
        return min(max(most, self.limit_per_s), 1.5 * self.limit_per_s)


def throughput(timeline: Timeline) -> str | None:
    """What was sent each second, the limit, and what was refused, as Markdown; None if nothing was sent."""
    return _as_fine_as_there_is_room(timeline, _throughput)


def latency(timeline: Timeline) -> str | None:
    """How long half of the requests took, and all but a hundredth, as Markdown; None if nothing was sent."""
    return _as_fine_as_there_is_room(timeline, _latency)


def _as_fine_as_there_is_room(timeline: Timeline, body: Callable[[Timeline, int], str]) -> str | None:
    if not timeline.clients:
        return None
    for points in range(_MOST_POINTS, _FEWEST_POINTS, -1):
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_FLOOR + 14}' "
            f"style='font:11px sans-serif' fill='none'>{body(timeline, points)}"
            f"<path d='M{_LEFT} {_FLOOR}H{_RIGHT}' stroke='gray'/>"
            f"{_text(_RIGHT - 40, _FLOOR + 12, _clock(timeline.seconds))}</svg>"
        )
        text = f"![over time](<data:image/svg+xml,{_encoded(svg)}>)"
        if len(text) < _INLINE:
            return text
    return None


def _throughput(timeline: Timeline, points: int) -> str:
    """Of the lane that carried most of those with a limit, else of all together."""
    limited = [client for client in timeline.clients if any(_limits(timeline, client))]
    lane = max(limited, key=lambda client: timeline.total(client).sent, default=None)
    flow, refused = _flow(timeline, lane, points), timeline.total(lane).rate_limited
    parts = [
        f"<path d='{_trace(flow.per_s, flow.top)}V{_FLOOR}H{_LEFT}' fill='skyblue'/>",
        _text(0, _TOP + 9, _short(flow.top)),
        _text(_LEFT, 10, f"{lane or ''} {flow.unit} per s"),
    ]
    if refused:
        parts.append(f"<path d='{_trace(flow.refused_per_s, flow.top)}V{_FLOOR}H{_LEFT}' fill='red'/>")
        parts.append(_text(320, 10, f"{refused:,} × 429", "red"))
    if flow.limit_per_s is not None:
        y = _y(flow.limit_per_s, flow.top)
        parts.append(f"<path d='M{_LEFT} {y}H{_RIGHT}' stroke='chocolate' stroke-dasharray='5'/>")
        parts.append(_text(200, 10, f"limit {_short(flow.limit_per_s)}", "chocolate"))
    return "".join(parts)


def _latency(timeline: Timeline, points: int) -> str:
    """Of all lanes together."""
    slices, total = _even(timeline.slices(most=points)), timeline.total().latency
    p50, p99 = (_carried([each.counts.latency.percentile(n) for each in slices]) for n in (50, 99))
    top = max(p99) or 1.0
    return "".join(
        [
            f"<path d='{_trace(p99, top)}' stroke='orchid'/>",
            f"<path d='{_trace(p50, top)}' stroke='teal'/>",
            _text(0, _TOP + 9, _took(top)),
            _text(_LEFT, 10, "latency"),
            _text(200, 10, f"p50 {_took(total.percentile(50))}", "teal"),
            _text(320, 10, f"p99 {_took(total.percentile(99))}", "orchid"),
        ]
    )


def _flow(timeline: Timeline, lane: str | None, points: int) -> _Flow:
    slices, total = _even(timeline.slices(lane, most=points)), timeline.total(lane)
    rpm, tpm = (None, None) if lane is None else _limits(timeline, lane)
    in_tokens = tpm is not None and (rpm is None or total.reserved.tokens / tpm > total.sent / rpm)
    limit, weight = (tpm, total.reserved.tokens / max(1, total.sent)) if in_tokens else (rpm, 1.0)
    return _Flow(
        "tokens" if in_tokens else "requests",
        [(each.counts.reserved.tokens if in_tokens else each.counts.sent) / each.seconds for each in slices],
        [each.counts.rate_limited * weight / each.seconds for each in slices],
        None if limit is None else limit / 60,
    )


def _limits(timeline: Timeline, client: str) -> tuple[int | None, int | None]:
    limits = timeline.limits[client]
    return limits.requests_per_minute, limits.tokens_per_minute


def _even(slices: Sequence[Slice]) -> Sequence[Slice]:
    """A last stretch that is short would read as a peak or a dip: it is counted with the one before."""
    *others, last = slices
    if not others or last.seconds > others[-1].seconds / 2:
        return slices
    before = others.pop()
    before.counts.absorb(last.counts)
    return [*others, before._replace(seconds=before.seconds + last.seconds)]


def _carried(values: Sequence[float | None]) -> list[float]:
    """Where nothing ended, what was before goes on."""
    last, found = next((value for value in values if value is not None), 0.0), []
    for value in values:
        last = last if value is None else value
        found.append(last)
    return found


def _trace(values: Sequence[float], top: float) -> str:
    """A path through the values, from the left to the right; steps between points take fewest characters."""
    values = values if len(values) > 1 else [*values, *values]
    heights = [_y(value, top) for value in values]
    at = [_LEFT + round((_RIGHT - _LEFT) * n / (len(values) - 1)) for n in range(len(values))]
    steps = (
        f"{right - left}{below - above:{'' if below < above else ' '}}"
        for left, right, above, below in zip(at, at[1:], heights, heights[1:], strict=False)
    )
    return f"M{_LEFT} {heights[0]}l" + " ".join(steps)


def _y(value: float, top: float) -> int:
    """From the top of the picture; what there is at all can be seen."""
    height = round((_FLOOR - _TOP) * min(1.0, value / top))
    return _FLOOR - (max(2, height) if value > 0 else 0)


def _text(x: int, y: int, words: str, colour: str = "gray") -> str:
    return f"<text x='{x}' y='{y}' fill='{colour}'>{words}</text>"


def _short(value: float) -> str:
    """Three digits, and k or M for more."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{_short(seconds)} s"


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


def _encoded(svg: str) -> str:
    """As a URL within <…>, where blanks and quotes may be."""
    return svg.replace("%", "%25").replace("#", "%23").replace("<", "%3C").replace(">", "%3E")
