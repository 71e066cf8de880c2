"""What a run of a request file did, counted as it happens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from minference_core.engine import RunStats

__all__ = ["FileReport", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """
    What became of a file's lines, whichever run asked them.

    Attributes:
        lines: That are not blank.
        answered: Lines with an answer in the output.
        reused: Lines that an earlier run settled: nothing was sent for them.
        failures: Lines with an error in the output, by class.
        reasons: By class, what was said first, and of which line.
        undone: Lines that a stop left without either.
        sent: Requests this run put on the wire, retries included.
        cost_usd: What this run's answers cost on list, where the price is known.
        simulated: Whether a simulator gave any of them, so that nobody is to pay that.
        limit_share: By client, the part of its tightest limit that was used.
    """

    lines: int
    answered: int
    reused: int
    failures: Mapping[str, int]
    reasons: Mapping[str, str]
    undone: int
    sent: int
    retries: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    unknown_price: int
    simulated: bool
    limit_share: Mapping[str, float]
    seconds: float

    @property
    def all_well(self) -> bool:
        """Whether every line has its answer."""
        return self.answered == self.lines


@dataclass(slots=True)
class Tally:
    """The counters behind a report; what the engine counts is in `stats`."""

    stats: RunStats = field(default_factory=RunStats)
    reasons: dict[str, str] = field(default_factory=dict)

    def settle(self, number: int, error: str | None, message: str | None, *, reused: bool = False) -> None:
        """
        Count a line that is in the output.

        Args:
            number: The line's.
            error: Its class; None for an answer.
        """
        self.stats.done += 1
        self.stats.skipped += reused
        if error is None:
            self.stats.complete += 1
        else:
            self.stats.failures[error] += 1
            self.reasons.setdefault(error, f"line {number}: {message}")

    def report(self) -> FileReport:
        counted = self.stats.report(stopped=False, attempts=0)
        return FileReport(
            lines=counted.threads,
            answered=counted.complete,
            reused=counted.skipped,
            failures=counted.failures,
            reasons=dict(self.reasons),
            undone=counted.undone,
            sent=counted.sent,
            retries=counted.retries,
            prompt_tokens=counted.prompt_tokens,
            completion_tokens=counted.completion_tokens,
            cost_usd=counted.cost_usd,
            unknown_price=counted.unknown_price,
            simulated=self.stats.simulated,
            limit_share=counted.limit_share,
            seconds=counted.seconds,
        )
