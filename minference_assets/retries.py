"""Failures to be asked again: what a run's configuration says of it, and what the run page is told."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from minference_assets.metadata import Metadata, retry_metadata
from minference_assets.resources import Listener
from minference_core.conversations import Retry, RetryReport, amend
from minference_core.errors import ConfigError, ErrorClass, classes_named
from minference_core.providers import PROVIDERS
from minference_core.specs import SpecSource

__all__ = ["RetryConfig", "chosen_again", "nothing_to_retry"]


class RetryConfig(dg.Config):
    """Ask some failures again, and nothing else; nothing is said of it by default."""

    retry_errors: list[str] = Field(default_factory=list)
    """How the conversations had ended that are asked again: timeout, rate_limit and so on, or all."""
    client: str = ""
    """Whom to ask then; with it goes a model."""
    model: str = ""
    """Which model to ask then."""
    max_tokens: int | None = None
    """The most tokens of one reply then."""

    def retry(self) -> Retry | None:
        """
        Raises:
            ConfigError: It names what there is not, or says how without saying what.
        """
        changes: dict[str, Any] = {"client": self.client, "model": self.model, "max_tokens": self.max_tokens}
        changes = {name: value for name, value in changes.items() if value}
        if not self.retry_errors:
            if changes:
                raise ConfigError(f"{_listed(changes)} goes with retry_errors: say which failures")
            return None
        if self.client and self.client not in PROVIDERS:
            raise ConfigError(f"no client is named {self.client}: there are {_listed(PROVIDERS)}")
        if self.client and not self.model:
            raise ConfigError(f"client {self.client} needs a model: say which")
        return Retry(classes_named(self.retry_errors), changes)


def chosen_again(
    context: dg.AssetExecutionContext, listener: Listener, source: SpecSource, journal: Path, retry: Retry
) -> Metadata:
    """Decide what is asked again, and say so wherever somebody listens."""
    report = amend(source, journal, retry, at=datetime.now(UTC), run_id=context.run.run_id)
    key = source.partition.key
    listener.retried(source.partition.dataset, key, report)
    if not report.chosen:
        context.log.info(f"{key}: {nothing_to_retry(retry.classes, [report])}")
    return retry_metadata(report)


def nothing_to_retry(classes: Iterable[ErrorClass], reports: Iterable[RetryReport]) -> str:
    """What to say when no conversation is of the chosen classes, or none of them can be asked that way."""
    reports = list(reports)
    ends = _summed(report.ends for report in reports)
    refused = _summed(report.refused for report in reports)
    there = ", ".join(f"{count} {name}" for name, count in ends.items()) or "none that failed"
    if refused:
        why = "; ".join(f"{count} because {reason}" for reason, count in refused.items())
        return f"nothing to retry: none of these can be asked that way: {why}"
    return f"nothing to retry: no conversation ended with {_listed(sorted(classes))}; there are {there}"


def _summed(counts: Iterable[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            found[str(name)] = found.get(str(name), 0) + count
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
