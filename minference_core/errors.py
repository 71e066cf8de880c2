"""
Every exception this library raises on purpose.

    MinferenceError
    +-- SpecError             the input cannot be run as it is: the message names file, row, column, remedy
    |   +-- Unsupported       a provider or model does not take what is asked for: field and remedy
    +-- ConfigError           a setting is missing or wrong: the message names the variable or field
    |   +-- MissingKey        a provider's key is not set; only the threads that need it are affected
    +-- RequestTooLarge       one request exceeds a whole minute's token budget: it can never be sent
    +-- TransportError        no answer came back: the same request may work later
    |   +-- Unreached         the server could not be reached: nothing was sent
    |   +-- TimedOut          the answer did not come in time
    |   +-- Unreadable        an answer came that cannot be read at all: asking again would pay again
    +-- Undecodable           a 200 whose body is not the documented shape
    +-- JournalBusy           another process is writing this partition's journal
    +-- JournalError          the journal cannot be written: nothing more may be sent
    +-- LedgerError           what processes share of limits and budgets cannot be read or written
    +-- DiskError             a file cannot be written: what it is made from is kept
    +-- PlanOutdated          the specs changed after the plan was made
    +-- NotMadeYet            a step is asked for what an earlier one has not made
    +-- StoreError            the store's files are not what they should be
    +-- ExportError           nothing is left of an export, or its versions are not in the store
    +-- ImmutableVersion      a version was to be changed: versions never change
    +-- ToolError             a tool, or a function to be one, cannot be used as asked
        +-- ToolNotOptedIn    this process was never told to run that function, or that version of it
        +-- ToolFailed        it was called and gave no result; the text says why, for the model to read
            +-- ToolStopped   it hung or took too much, and was stopped

What a provider answers is not an exception but an outcome, sorted into an `ErrorClass`
(`engine/retry.py` says which are sent again).
"""

import errno
from collections.abc import Iterable
from enum import StrEnum

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable"),
}


class MinferenceError(Exception):
    """The root of everything raised on purpose."""


class SpecError(MinferenceError):
    """The thread specs cannot be run as they are."""


class Unsupported(SpecError, ValueError):
    """A thread, or its config, asks for something its provider or model does not take."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}: {remedy}")
        self.field = field


class ConfigError(MinferenceError):
    """A setting is missing or wrong."""


class MissingKey(ConfigError):
    """A provider's key is not set."""

    def __init__(self, client: str, variable: str) -> None:
        super().__init__(f"{client} needs a key: set {variable} in the environment or in .env")
        self.client = client
        self.variable = variable


class RequestTooLarge(MinferenceError):
    """One request needs more tokens than the lane's limit allows in a whole minute."""

    def __init__(self, *, tokens: int, tokens_per_minute: int) -> None:
        super().__init__(
            f"the request needs {tokens} tokens but the lane's limit is {tokens_per_minute} per minute: "
            f"shorten it, lower max_tokens or raise the limit"
        )
        self.tokens = tokens
        self.tokens_per_minute = tokens_per_minute


class TransportError(MinferenceError):
    """No answer came back: refused, reset or cut off. The HTTP library's own error is `__cause__`."""


class Unreached(TransportError):
    """There was no connection, so that nothing was sent and nothing can have been billed."""


class TimedOut(TransportError):
    """The answer did not come in time; whether the provider did the work is unknown."""


class Unreadable(TransportError):
    """An answer came, and was probably billed, but nothing of it can be read."""


class Undecodable(MinferenceError):
    """A 200 whose body is not the documented shape."""


class JournalBusy(MinferenceError):
    """Another process is writing this partition's journal."""


class JournalError(MinferenceError):
    """The journal cannot be written, so nothing more may be sent."""


class LedgerError(MinferenceError):
    """The ledger cannot be read or written, so nothing that has a limit or a budget may be sent."""


class DiskError(MinferenceError):
    """A file cannot be written: no room, or not allowed. An older file in its place stays as it is."""

    def __init__(self, path: object, error: OSError, kept: str) -> None:
        super().__init__(unwritable(path, error, kept))


def unwritable(path: object, error: BaseException, kept: str) -> str:
    """
    What to say of a file that cannot be written.

    Args:
        kept: What is safe all the same, as a sentence without its full stop.
    """
    number, words = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    remedy = _REMEDIES.get(number or 0, "mend that")
    reason = words or error
    return f"{path} cannot be written: {reason}. {kept}: {remedy} and run the same again, to go on from there"


class PlanOutdated(MinferenceError):
    """The thread specs or the dataset's defaults changed after the plan was made."""


class NotMadeYet(MinferenceError):
    """A step needs what an earlier step has not made yet."""

    def __init__(self, path: object, step: str) -> None:
        super().__init__(f"{path} is not there yet: materialize {step} first")
        self.step = step


class StoreError(MinferenceError):
    """The store's files are not what they should be."""


class ExportError(MinferenceError):
    """An export cannot be made as it was asked for. Older files in its place stay as they are."""


class ImmutableVersion(MinferenceError, TypeError):
    """A version was to be changed."""


class ToolError(MinferenceError, ValueError):
    """A tool, or a function that is to be one, cannot be used as asked."""


class ToolNotOptedIn(ToolError):
    """This process was never told to run that function, or that version of it: nothing was run."""


class ToolFailed(ToolError):
    """
    A call of a tool gave no result.

    Attributes:
        reason: What went wrong, in words that may be shown to the model that asked for the call.
    """

    def __init__(self, called: str, reason: str) -> None:
        super().__init__(f"Error executing {called}: {reason}")
        self.reason = reason


class ToolStopped(ToolFailed):
    """A call took longer, or its process more, than it may, and was stopped."""


class ErrorClass(StrEnum):
    """
    What became of a request that did not end in a complete, valid reply.

    The value is stored with every attempt and counted in every report.
    """

    RATE_LIMIT = "rate_limit"  # 429: too fast
    OVERLOADED = "overloaded"  # 503, 529: the provider is too busy
    TIMEOUT = "timeout"  # no answer in time
    CONNECTION = "connection"  # refused, reset or cut off
    SERVER = "server"  # any other 5xx
    QUOTA = "quota"  # no credit left: stops the lane
    AUTH = "auth"  # the key is missing or refused, or the address is no address: stops the lane
    BAD_REQUEST = "bad_request"  # the provider refuses this body
    CONTEXT_LENGTH = "context_length"  # too long for the model
    CONTENT_FILTER = "content_filter"  # the provider withholds the answer
    NOT_FOUND = "not_found"  # no such model or endpoint, or no access to it
    UNDECODABLE = "undecodable"  # answered, but not in the documented shape
    REFUSAL = "refusal"  # the model declined
    TRUNCATED = "truncated"  # cut off at max_tokens
    INVALID_OUTPUT = "invalid_output"  # not what the schema asks for
    MAX_STEPS = "max_steps"  # a tool loop did not come to its end within the thread's max_steps
    TOO_LARGE = "too_large"  # never sent: it cannot fit the lane's limit
    BUDGET = "budget"  # never sent: no budget was left for what it may cost
    UNCERTAIN = "uncertain"  # a crash left it unknown whether the provider answered


def classes_named(names: Iterable[str]) -> frozenset[ErrorClass]:
    """
    Error classes by their names; `all` is every one.

    Raises:
        ConfigError: There is none of that name.
    """
    wanted = {name.strip() for name in names}
    if "all" in wanted:
        return frozenset(ErrorClass)
    if unknown := sorted(wanted - set(ErrorClass)):
        there = ", ".join(ErrorClass)
        raise ConfigError(f"no error class is named {', '.join(unknown)}: there are {there}, or all")
    return frozenset(map(ErrorClass, wanted))
