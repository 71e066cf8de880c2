"""What earlier runs left in the journals: the compact memory of it answers as a plain dictionary would."""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import Sendable
from minference_core.engine.history import History, _is_settled
from minference_core.engine.past import Past, Seen
from minference_core.errors import ErrorClass, JournalError
from minference_core.requests import RecordedResult

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
Record = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """As much of a request as the memory looks at."""

    number: int

    @property
    def name(self) -> tuple[UUID, UUID]:
        return UUID(int=self.number % 5 << 96 | 0xABCDEF), UUID(int=0xFEDC << 64 | self.number)


def asked(number: int) -> Sendable:
    return cast("Sendable", Asked(number))


REQUESTS = [asked(number) for number in range(12)]


@dataclass
class Entry:
    attempts: int
    first_sent_at: datetime
    refusal: str | None = None
    outcome: Record | None = None
    results: dict[str, RecordedResult] = field(default_factory=dict)


def naive(records: list[Record]) -> dict[tuple[UUID, UUID], Entry]:
    """The same memory, as anyone would write it: whole records in a dictionary."""
    entries: dict[tuple[UUID, UUID], Entry] = {}
    for record in records:
        name = UUID(record["lineage_id"]), UUID(record["request_key"])
        match record["kind"]:
            case "intent":
                entry = entries.setdefault(name, Entry(0, datetime.fromisoformat(record["sent_at"])))
                entry.attempts = max(entry.attempts, record["attempt"])
                entry.refusal = None
            case "refused":
                at = datetime.fromisoformat(record["finished_at"])
                entries.setdefault(name, Entry(0, at)).refusal = record["error"]
            case "outcome" if name in entries and _is_settled(record):
                entries[name].outcome = record
            case "tool" if name in entries:
                result = RecordedResult(record["result"], record["error_message"] is not None)
                entries[name].results[record["tool_call_id"]] = result
    return entries


times = st.datetimes(
    datetime.fromisoformat("2024-01-01"),
    datetime.fromisoformat("2030-01-01"),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
bodies = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(
        [
            '{"choices":[]}',
            '{"error":null,"x":{"error": null}}',
            '{"error":{"code":500}}',
            '{"error":{"code":400,"type":"invalid_request_error"}}',
            '{"object":"error","code":400}',
            '{"said":"\\"error\\":null","error":{"code":"429"}}',
            '{"error" :null}',
        ]
    ),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    lineage, key = draw(st.sampled_from(REQUESTS)).name
    name: Record = {"lineage_id": str(lineage), "request_key": str(key)}
    name |= {"attempt": draw(st.integers(0, 4)), "kind": draw(st.sampled_from(KINDS))}
    at = draw(times).isoformat()
    match name["kind"]:
        case "intent":
            return name | {"thread_key": draw(st.text(max_size=9)), "sent_at": at}
        case "tool":
            call = draw(st.sampled_from(["c1", "c2"]))
            return name | {"tool_call_id": call, "result": at, "error_message": draw(st.none() | st.text())}
        case _:
            cost = draw(st.sampled_from([{}, {"provider_cost": "0.01"}]))
            return name | cost | {
                "status": draw(st.sampled_from([None, 200, 201, 400, 401, 403, 429, 500])),
                "body": draw(bodies) or "",
                "provider_request_id": None,
                "error": draw(st.sampled_from(ERRORS[name["kind"]])),
                "error_message": draw(st.none() | st.text(max_size=9)),
                "simulated": False,
                "finished_at": at,
            }  # fmt: skip


KINDS = ("intent", "outcome", "refused", "tool")
ERRORS: dict[str, list[str | None]] = {
    "outcome": [None, "timeout", "undecodable"],
    "refused": ["auth", "budget", "nobody knows"],
}


def backwards(record: Record) -> bytes:
    return orjson.dumps(dict(reversed(record.items())))


def in_capitals(record: Record) -> bytes:
    return json.dumps(record | {"lineage_id": record["lineage_id"].upper()}, separators=(",", ":")).encode()


def with_escapes(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).replace("er", "\\u0065r").encode()


def by_the_writer(record: Record) -> bytes:
    return orjson.dumps(record)


SPELLINGS: list[Callable[[Record], bytes]] = [
    by_the_writer,
    lambda record: json.dumps(record).encode(),
    lambda record: json.dumps(record, separators=(",", ":")).encode(),
    with_escapes,
    backwards,
    in_capitals,
]  # fmt: skip


def written(folder: Path, lines: list[tuple[Record, int]], per_file: int) -> None:
    for number, begin in enumerate(range(0, len(lines), per_file)):
        text = b"".join(SPELLINGS[how](record) + b"\n" for record, how in lines[begin : begin + per_file])
        (folder / f"{number:04d}.jsonl").write_bytes(text)


def spelled() -> st.SearchStrategy[list[tuple[Record, int]]]:
    ways = st.just(0) | st.integers(0, len(SPELLINGS) - 1)
    return st.lists(st.tuples(records(), ways), max_size=40)


@settings(max_examples=100, deadline=None)
@given(lines=spelled(), per_file=st.integers(1, 20))
def test_any_journal_is_remembered_as_a_dictionary_of_its_records_would(
    lines: list[tuple[Record, int]], per_file: int
) -> None:
    expected = naive([record for record, _ in lines])
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), lines, per_file)
        history = History(Path(folder))

        for request in REQUESTS:
            entry = expected.get(request.name)
            outcome = entry and entry.outcome
            found = history.settled(request)
            assert history.is_settled(request) is bool(outcome)
            assert (found is not None) is bool(outcome)
            if found is not None and outcome and entry:
                assert found.finished_at == datetime.fromisoformat(outcome["finished_at"])
                assert (found.number, found.body) == (outcome["attempt"], outcome["body"])
                assert found.first_sent_at == entry.first_sent_at
            assert history.results(request) == (entry.results if entry else {})
        order = [record for record, _ in lines if any(record is e.outcome for e in expected.values())]
        assert [str(key) for key, _ in history.settlements()] == [record["request_key"] for record in order]
        for request in REQUESTS:
            entry = expected.setdefault(request.name, Entry(0, NOW))
            assert history.refuse(request, ErrorClass.AUTH, NOW) is (entry.refusal != "auth")
            assert history.begin(request, NOW) == (entry.attempts + 1, entry.first_sent_at)


@settings(deadline=None)
@given(
    lines=st.lists(st.tuples(records(), st.just(0)), max_size=6),
    doings=st.lists(
        st.tuples(st.sampled_from(["begin", "auth", "budget", "end"]), st.sampled_from(REQUESTS)), max_size=60
    ),
)
def test_attempts_and_refusals_count_on_whatever_a_run_does(
    lines: list[tuple[Record, int]], doings: list[tuple[str, Sendable]]
) -> None:
    expected = naive([record for record, _ in lines])
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), lines, 9)
        history = History(Path(folder))
    for doing, request in doings:
        entry = expected.setdefault(request.name, Entry(0, NOW))
        match doing:
            case "begin":
                entry.attempts += 1
                assert history.begin(request, NOW) == (entry.attempts, entry.first_sent_at)
            case "end":
                history.end(request)
            case error:
                assert history.refuse(request, ErrorClass(error), NOW) is (entry.refusal != error)
                entry.refusal = error


def test_what_a_run_is_done_with_takes_a_few_bytes_and_still_counts_on(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(20_000):
        history.begin(asked(number), NOW)
        history.end(asked(number))

    assert not history._asked
    assert history._done._slots.itemsize * len(history._done._slots) <= 20_000 * 16
    later = NOW + timedelta(hours=1)
    assert {history.begin(asked(number), later) for number in range(20_000)} == {(2, later)}


def test_a_request_that_is_sent_more_often_than_a_byte_counts_is_kept_in_full(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(1, 600):
        assert history.begin(asked(1), NOW) == (number, NOW)
        history.end(asked(1))


def test_an_index_of_earlier_runs_takes_well_under_a_hundred_bytes_a_request() -> None:
    past = Past()
    for number in range(100_000):
        past.find_or_add(number.to_bytes(16), number)

    arrays = (past.attempts, past.first_sent_us, past.outcome, past.refusal, past.last_tool, past._slots)
    assert sum(kept.itemsize * len(kept) for kept in arrays) + len(past._keys) < 60 * 100_000
    assert all(past.find(number.to_bytes(16)) == number for number in range(100_000))
    assert past.find((100_000).to_bytes(16)) is None


@given(
    st.dictionaries(st.binary(min_size=16, max_size=16), st.tuples(st.integers(0, 255), st.integers(0, 255)))
)
def test_what_is_seen_is_known_again(kept: dict[bytes, tuple[int, int]]) -> None:
    seen = Seen()
    for key, (attempts, refusal) in kept.items():
        seen.put(key, attempts, refusal)

    by_mark = {key[:6]: both for key, both in kept.items()}
    assert all(seen.get(key) == by_mark[key[:6]] for key in kept)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda line: line[:60],
    "zeros": lambda line: line[:200] + bytes(9) + line[209:],
    "no record": lambda line: b'{"kind":"intent"}',
    "a name that is none": lambda line: line.replace(b'"lineage_id":"0', b'"lineage_id":"x'),
    "no time": lambda line: line.replace(b'_at":"2026', b'_at":"soon'),
}


@pytest.mark.parametrize("kind", ["intent", "outcome"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_line_in_the_middle_is_named_when_the_journal_is_read(
    tmp_path: Path, damage: str, kind: str
) -> None:
    lines = list(_lines_of(*REQUESTS[:3]))
    index = 2 if kind == "intent" else 3
    lines[index] = DAMAGE[damage](lines[index].removesuffix(b"\n")) + b"\n"
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))

    with pytest.raises(JournalError, match=rf"a\.jsonl line {index + 1} is damaged"):
        History(tmp_path).settled(REQUESTS[1])


@pytest.mark.parametrize(("here", "there"), [(b"choices", b'ch"ices'), (b'_at":"2026', b'_at":"soon')])
def test_an_answer_that_is_damaged_in_its_midst_is_named_when_it_is_asked_for(
    tmp_path: Path, here: bytes, there: bytes
) -> None:
    lines = list(_lines_of(*REQUESTS[:3]))
    lines[3] = lines[3].replace(here, there)
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    history = History(tmp_path)

    assert history.settled(REQUESTS[0]) is not None
    with pytest.raises(JournalError, match=r"a\.jsonl line 4 is damaged"):
        history.settled(REQUESTS[1])


def _lines_of(*requests: Sendable) -> Iterator[bytes]:
    for request in requests:
        lineage, key = request.name
        name = {"lineage_id": str(lineage), "request_key": str(key), "attempt": 1}
        at = (NOW + timedelta(microseconds=1)).isoformat()
        more = {"thread_key": "t" * 99, "run_id": "run"}
        said = {"status": 200, "body": '{"choices":[]}', "provider_request_id": "r" * 99, "error": None}
        yield orjson.dumps({**name, "kind": "intent", **more, "sent_at": at}) + b"\n"
        ended = {"error_message": None, "simulated": False, "finished_at": at}
        yield orjson.dumps({**name, "kind": "outcome", **said, **ended}) + b"\n"


def test_a_line_that_must_be_parsed_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [{**record, "extra": 1} for record in unusual()]
    (tmp_path / "20261116T093000000000-run.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    looked_up: list[bytes] = []
    for name in ("find", "find_or_add"):
        monkeypatch.setattr(Past, name, _noted(getattr(Past, name), looked_up))

    History(tmp_path)

    assert len(looked_up) == len(lines)


def unusual() -> list[Record]:
    """Written by hand: not as the journal writes them, so that no glimpse can be had of them."""
    name = {"request_key": str(UUID(int=1)), "attempt": 1, "lineage_id": str(UUID(int=2))}
    answered = {"status": 200, "body": "{}", "error": None, "finished_at": NOW.isoformat()}
    return [
        {"kind": "intent", **name, "sent_at": NOW.isoformat()},
        {"kind": "outcome", **name, **answered},
        {"kind": "tool", **name},
        {"kind": "refused", **name, "error": "budget", "finished_at": NOW.isoformat()},
    ]


def _noted(method: Callable[..., Any], calls: list[bytes]) -> Callable[..., Any]:
    def noted(self: Past, key: bytes, *more: Any) -> Any:
        calls.append(key)
        return method(self, key, *more)

    return noted
