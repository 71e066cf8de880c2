"""The registry's log: kept in memory for whoever asks, and written nowhere."""

import logging
from collections import deque

__all__ = ["clear_logs", "get_logs", "log", "set_log_level"]

_REMEMBERED_LINES = 1_000


class _Remembered(logging.Handler):
    """Keeps the last records; writing them out can wait until somebody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s - %(levelname)s - %(message)s"))
        self.records: deque[logging.LogRecord] = deque(maxlen=_REMEMBERED_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # an argument may hold a traceback
        self.records.append(record)


# Every call is a line here, so it does not go on to the handlers of the program.
log = logging.getLogger("minference_core.tools.registry")
log.propagate = False
log.setLevel(logging.INFO)
_remembered = _Remembered()
log.addHandler(_remembered)


def get_logs() -> str:
    """The last thousand lines, one to a line."""
    return "\n".join(map(_remembered.format, list(_remembered.records)))


def clear_logs() -> None:
    _remembered.records.clear()


def set_log_level(level: int | str) -> None:
    log.setLevel(level)
