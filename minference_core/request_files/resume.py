"""
Going on from where an earlier run ended: the output file, written again from the journal.

What is in the journal for good comes first, in the order it was answered; a torn line, an error that
may be mended and a line that is no longer asked for are left out. The file is replaced whole.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from minference_core.engine import Ends, History
from minference_core.errors import ConfigError, ErrorClass
from minference_core.request_files.endpoints import Address
from minference_core.request_files.lines import Line, parse_line, read_lines
from minference_core.request_files.output import OutputError, is_answer, result_line
from minference_core.request_files.report import Tally
from minference_core.request_files.request import FileRequest

__all__ = ["Again", "check_files", "journal_folder", "resume"]

_OURS_BEGIN = (b"[", b'{"id": "batch_req_')


@dataclass(slots=True)
class Again:
    """
    Which failures are asked again: those that are not settled, unless classes are said.

    Attributes:
        classes: The only ones, settled or not; None for those that a plain run asks again.
        lines: The settled ones of these, by their requests' keys.
        left: All other failures.
    """

    classes: Set[ErrorClass] | None = None
    lines: set[UUID] = field(default_factory=set)
    left: set[UUID] = field(default_factory=set)

    def chooses(self, key: UUID, error: ErrorClass | None, *, settled: bool) -> bool:
        """Whether a line that has its end on record is asked all the same; it is noted."""
        if self.classes is None or error is None:
            return False
        chosen = error in self.classes
        if chosen and settled:
            self.lines.add(key)
        elif not chosen and not settled:
            self.left.add(key)
        return chosen


def journal_folder(target: Path) -> Path:
    """Where the answers to a file are kept, beside its output."""
    return target.with_name(f"{target.name}.journal")


def check_files(source: Path, target: Path) -> Path:
    """
    The output's own path, links followed.

    Raises:
        ConfigError: They cannot be read and written, or the output is somebody else's.
    """
    target = target.resolve()
    if not source.is_file():
        raise ConfigError(f"{source} is not a file: give one with a request on each line")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is not a folder: make it, or choose another output")
    if not target.exists():
        return target
    if not target.is_file():
        raise ConfigError(f"{target} is not a regular file: choose another output")
    if source.samefile(target):
        raise ConfigError(f"{source} is both the input and the output: choose another output")
    if target.stat().st_size and not journal_folder(target).is_dir():
        raise ConfigError(
            f"{target} is there already, without a journal beside it: it is nothing to go on from. "
            f"Move it away, or choose another output"
        )
    return target


def resume(
    file: BinaryIO, target: Path, history: History, address: Address, tally: Tally, name: str, again: Again
) -> None:
    """
    Make the output hold exactly what is not to be asked, and count that.

    Args:
        file: The input.
        name: The input's name, for messages.
        again: Which failures are to be asked again.

    Raises:
        ConfigError: The output holds something else; nothing is changed then.
        OutputError: It cannot be written; nothing is changed then.
    """
    had_answers = _answers_in(target)
    new = journal_folder(target) / "output.tmp"
    ends = None if again.classes is None else Ends(journal_folder(target), history)
    try:
        with new.open("wb") as out:
            out.writelines(_settled_lines(file, history, ends, address, tally, name, again))
        if had_answers and not tally.stats.skipped:
            raise ConfigError(
                f"{target} holds answers, and none of them is to a line of {name} as it is asked now "
                f"(another file, URL or client?): choose another output, or move it away"
            )
        new.replace(target)
    except OSError as exc:
        raise OutputError(f"{target} cannot be written: {exc.strerror}") from exc
    finally:
        new.unlink(missing_ok=True)


def _settled_lines(
    file: BinaryIO,
    history: History,
    ends: Ends | None,
    address: Address,
    tally: Tally,
    name: str,
    again: Again,
) -> Iterator[bytes]:
    """Only places in the input are kept in memory: a line is read again when its turn comes."""
    places = {
        FileRequest.of(line, address, name).key: (line.offset, line.number)
        for line in read_lines(file, address)
        if isinstance(line, Line)
    }
    settled = ((*end, True) for end in history.settlements())
    failures = ((*end, False) for end in (() if ends is None else ends.failures()))
    for key, attempt, is_settled in chain(settled, failures):
        if key not in places:
            continue
        offset, number = places[key]
        file.seek(offset)
        line = parse_line(file.readline(), number, offset, address)
        if not isinstance(line, Line):
            raise ConfigError(f"{name} was changed while it was read: run the same command again")
        request = replace(FileRequest.of(line, address, name), key=key)
        meaning = request.interpret(attempt)
        error = None if meaning.reply is not None else meaning.error
        if again.chooses(key, error, settled=is_settled):
            continue
        tally.settle(number, error, meaning.message, reused=True)
        yield result_line(request, attempt, meaning, history.attempts(request))


def _answers_in(target: Path) -> int:
    """How many answers there are; a torn last line is none."""
    if not target.exists():
        return 0
    found = 0
    with target.open("rb") as file:
        for number, line in enumerate(file, start=1):
            answer = False if _is_torn(line) else is_answer(line)
            if answer is None:
                raise ConfigError(
                    f"{target} line {number} was not written by this command: move the file away, or "
                    f"choose another output. The answers so far are in {journal_folder(target).name}"
                )
            found += answer
    return found


def _is_torn(line: bytes) -> bool:
    """Whether it may be the beginning of a line of ours."""
    whole = line.endswith(b"\n")
    return not whole and any(line.startswith(begin[: len(line)]) for begin in _OURS_BEGIN)
