"""What a terminal shows of a run that goes on."""

import io
from decimal import Decimal

from rich.console import Console

from minference_assets.console import Watch
from minference_assets.metadata import progress_line
from minference_core.engine import Progress
from minference_core.errors import ErrorClass

GOING_ON = Progress(
    total=1_000,
    done=250,
    failed=7,
    in_flight=64,
    retried=31,
    requests_sent=300,
    tokens=90_000,
    cost_usd=Decimal("1.25"),
    requests_per_s=98.2,
    tokens_per_s=29_460.0,
    limit_share=0.982,
    failures={ErrorClass.SERVER: 5, ErrorClass.TIMEOUT: 2},
    eta_s=75.0,
    rate_limited=12,
)


def test_the_bar_says_how_fast_how_full_how_dear_and_what_went_wrong() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=240, color_system=None)
    with Watch(screen) as watch:
        watch.progressed("chat", "2026-11-16", GOING_ON)
        assert watch._bars is not None
        watch._bars.refresh()

    assert isinstance(screen.file, io.StringIO)
    said = screen.file.getvalue()
    assert "250/1000" in said
    assert (
        "5 server, 2 timeout, 31 retried, 98 req/s, 29,460 tok/s, 98% of the limit, $1.25, 1 min 15 s left"
        in said
    )


def test_a_line_of_the_log_says_the_same() -> None:
    assert progress_line(GOING_ON, simulated=False) == (
        "250 of 1000 threads, 7 failed (5 server, 2 timeout), 64 in flight, 31 retried, 12 × 429, "
        "98.2 requests/s, 29,460 tokens/s, 98% of the limit, $1.25, about 1 min 15 s left"
    )
