"""How an error of the library ends a step: what was being done, what is wrong, what to do."""

from collections.abc import Mapping

import dagster as dg

from minference_core.errors import JournalBusy, MinferenceError

__all__ = ["failure_from", "nothing_answered", "stopped"]


def failure_from(error: MinferenceError, doing: str) -> dg.Failure:
    """
    Build (not raise) the failure for `error`, so the caller writes `raise ... from error`.

    Args:
        error: What went wrong.
        doing: What the step was trying to do, for whoever reads the run page.
    """
    retryable = isinstance(error, JournalBusy)
    return dg.Failure(
        f"{doing}: {error}",
        metadata={
            "error": dg.MetadataValue.text(type(error).__name__),
            "running it again may work": dg.MetadataValue.bool(retryable),
        },
        allow_retries=False,
    )


def nothing_answered(dataset: str, classes: Mapping[str, int], messages: Mapping[str, str]) -> dg.Failure:
    """
    The failure of a run that no provider would serve: the account is refused, so every later step is idle.

    Args:
        dataset: Whose run it was.
        classes: Threads by error class.
        messages: By error class, what was said.
    """
    reasons = [
        f"{threads} {name}: {messages.get(name, 'no reason was given')}" for name, threads in classes.items()
    ]
    return dg.Failure(
        f"{dataset}: no thread got an answer. " + "; ".join(reasons),
        metadata={f"threads {name}": threads for name, threads in classes.items()},
        allow_retries=False,
    )


def stopped(dataset: str, key: str, *, undone: int) -> dg.Failure:
    """
    The failure of an engine that was asked to stop and did.

    `allow_retries=False` is what makes Dagster call the run cancelled: anything else is tried
    again by whoever has a retry policy.
    """
    return dg.Failure(
        f"{dataset} {key}: stopped on request with {undone} threads unfinished. Every answer that arrived "
        f"is kept: run it again and only the rest is sent.",
        metadata={"unfinished_threads": undone},
        allow_retries=False,
    )
