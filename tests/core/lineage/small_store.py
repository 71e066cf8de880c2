"""
A small store whose every answer is known, made of hand-written rows.

    thread a   a0 (asked) -> a1 (generation 1) -> a2 (a second turn)
                          -> a1x (generation 2, warmer; the current one)
    thread b   b0, without a message yet, whose request failed twice
    thread c   c0 (64 messages) -> c1 (68, no list of its own) -> c2 (66: the last four gave way to two)
    thread d   d0 -> d1, an answer that was cut off; and d0x, a second root: the spec row was edited
    refund     e0 (asked, by prompt p2) -> e1 (called a tool) -> e2 (generation 1)
                                                             -> e2x (generation 2; the current one)
    refund-de  f0, forked from e1 and asked of another model -> f1
    hello      k0 -> k1
    hello-2    l0 -> l1: the same words, and the answer of hello
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from minference_core.lineage import definitions
from minference_core.store import Store, table, write_segment

NASTY = 'Say "hi" to <b>R&D</b>; #1: `x`\n%%{init: {}}%% \\n *_bold_*'
_NAMES = """
    m1 m2 A B C D a0 a1 a2 a1x b0 c0 c1 c2 d0 d1 d0x P p1 G g1 g2 H h1 T t1 u1 r1 r1x u2 r2 ub ud rd
    e-a1-1 e-a1-2 e-a2 e-a1x e-b-1 e-b-2 e-c1 e-c2 e-d1 k-a1 k-a2 k-a1x k-b k-c1 k-c2 k-d1
    m3 m4 m5 E F K L e0 e1 e2 e2x f0 f1 k0 k1 l0 l1 p2 U t2 ue call done re rex rf uk rk ul rl
    e-e1 e-e2 e-e2x e-f1 e-k1 e-l1 k-e1 k-e2 k-e2x k-f1 k-k1 tool-1
"""
IDS = {
    name: UUID(int=0x019B_0000_0000_8000_8000_0000_0000_0000 + number)
    for number, name in enumerate([*_NAMES.split(), *(f"x{n}" for n in range(1, 71))], start=1)
}
_NAMED = {identity: name for name, identity in IDS.items()}
_START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return _START + timedelta(minutes=minutes)


def named(value: Any) -> Any:
    """The same with every id of this store replaced by its name, and times by minutes from the start."""
    if isinstance(value, UUID):
        return _NAMED.get(value, value)
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) - _START).total_seconds() / 60
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, list | tuple):
        return type(value)(named(one) for one in value)
    if isinstance(value, dict):
        return {key: named(one) for key, one in value.items()}
    return value


def make(data: Path) -> Path:
    """Write, fold and publish the small store; its published file."""
    for name, mats, rows in (
        ("first", ["m1"], _first()),
        ("second", ["m2"], _second()),
        ("third", ["m3", "m4", "m5"], _third()),
    ):
        for mat in mats:
            own = {kind: [row for row in given if row["mat_id"] == mat] for kind, given in rows.items()}
            tables = {kind: table(kind, map(_with_ids, given)) for kind, given in own.items()}
            write_segment(data / "inbox", f"{name}-{mat}", IDS[mat], tables)
    store = Store(data, definitions())
    store.fold()
    return store.published


def _with_ids(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column: _id(value)
        if column.endswith(("id", "ids", "request_key", "content_hash", "reused_from"))
        else value
        for column, value in row.items()
    }


def _id(value: Any) -> Any:
    if isinstance(value, list):
        return [_id(one) for one in value]
    return IDS.get(value, value)


def _version(name: str, lineage: str, parent: str | None = None, /, **more: Any) -> dict[str, Any]:
    common = {"id": name, "lineage_id": lineage, "parent_id": parent, "version_no": 0, "created_at": at(0)}
    return {**common, "content_hash": name, "mat_id": "m1", **more}


def _thread(name: str, lineage: str, parent: str | None, messages: list[str], **more: Any) -> dict[str, Any]:
    keep = more.get("keep_n", 0)
    return _version(
        name,
        lineage,
        parent,
        **{
            "dataset": "sales",
            "partition_key": "2026-01-01",
            "thread_key": lineage.lower(),
            "sample": 0,
            "llm_config_id": "g1",
            "tool_ids": [],
            "keep_n": 0,
            "new_message_ids": messages[keep:],
            "n_messages": len(messages),
            "message_ids": messages if len(messages) <= 64 else None,
            "use_history": True,
            "generation": 1,
            **more,
        },
    )


def _message(name: str, role: str, content: str, /, **more: Any) -> dict[str, Any]:
    return _version(name, name, role=role, content=content, **more)


def _exchange(name: str, thread: str, key: str, sent_from: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "mat_id": "m1",
        "request_key": key,
        "dataset": "sales",
        "partition_key": "2026-01-01",
        "thread_key": thread.lower(),
        "sample": 0,
        "lineage_id": thread,
        "in_thread_id": sent_from,
        "turn": 1,
        "step": 1,
        "attempt": 1,
        "client": "openai",
        "model": "gpt-4.1-mini",
        "url": "http://127.0.0.1/v1/chat/completions",
        "simulated": False,
        "uncertain": False,
        "run_id": "run-1",
        "generation": 1,
        **more,
    }


def _answered(prompt: int, completion: int, dollars: str | None) -> dict[str, Any]:
    return {
        "status_code": 200,
        "response_body": "{}",
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost_usd": None if dollars is None else Decimal(dollars),
        "price_id": None if dollars is None else "prices-1",
    }


_X = [f"x{n}" for n in range(1, 71)]


def _first() -> dict[str, list[dict[str, Any]]]:
    config = {"client": "openai", "max_tokens": 100, "response_format": "text", "params": "{}"}
    done = {"mat_id": "m1", "dataset": "sales", "asset_key": "sales/entity_versions", "code_version": "1"}
    moved = {"mat_id": "m1", "sequence": 1, "moved_at": at(30)}
    return {
        "thread_version": [
            _thread("a0", "A", None, ["u1"], system_prompt_id="p1", meta='{"meta_tag": "x"}'),
            _thread(
                "a1",
                "A",
                "a0",
                ["u1", "r1"],
                keep_n=1,
                version_no=1,
                created_at=at(10),
                request_key="k-a1",
                system_prompt_id="p1",
                meta='{"meta_tag": "x"}',
            ),
            _thread(
                "a2",
                "A",
                "a1",
                ["u1", "r1", "u2", "r2"],
                keep_n=2,
                version_no=2,
                created_at=at(20),
                request_key="k-a2",
                system_prompt_id="p1",
                meta='{"meta_tag": "x"}',
            ),
            _thread("b0", "B", None, [], new_message=NASTY),
            _thread("c0", "C", None, _X[:64], llm_config_id="h1", system_prompt_id="p1"),
            _thread(
                "c1",
                "C",
                "c0",
                _X[:68],
                keep_n=64,
                version_no=1,
                created_at=at(10),
                llm_config_id="h1",
                system_prompt_id="p1",
                request_key="k-c1",
            ),
            _thread(
                "c2",
                "C",
                "c1",
                [*_X[:64], *_X[68:]],
                keep_n=64,
                version_no=2,
                created_at=at(20),
                llm_config_id="h1",
                system_prompt_id="p1",
                request_key="k-c2",
            ),
            _thread("d0", "D", None, ["ud"], tool_ids=["t1"], forced_output_id="t1"),
            _thread(
                "d1",
                "D",
                "d0",
                ["ud", "rd"],
                keep_n=1,
                version_no=1,
                created_at=at(10),
                tool_ids=["t1"],
                forced_output_id="t1",
                request_key="k-d1",
            ),
        ],
        "message_version": [
            _message("u1", "user", NASTY),
            _message(
                "r1", "assistant", "Hello — 你好 🙂", created_at=at(10), finish_reason="stop", n_tokens=5
            ),
            _message("u2", "user", "And now?"),
            _message("r2", "assistant", "Bye.", created_at=at(20), n_tokens=2),
            _message("ub", "user", "Will fail"),
            _message("ud", "user", "As JSON"),
            _message("rd", "assistant", '{"a": ', created_at=at(10)),
            *[_message(x, "user" if n % 2 == 0 else "assistant", f"line {n + 1}") for n, x in enumerate(_X)],
        ],
        "system_prompt_version": [_version("p1", "P", name="plain", content="Be brief.")],
        "llm_config_version": [
            _version("g1", "G", model="gpt-4.1-mini", **config),
            _version("h1", "H", model="claude-haiku-4-5", **{**config, "client": "anthropic"}),
        ],
        "tool_version": [
            _version("t1", "T", kind="StructuredTool", name="answer", json_schema='{"type": "object"}')
        ],
        "exchange": [
            _exchange(
                "e-a1-1",
                "A",
                "k-a1",
                "a0",
                status_code=429,
                error_class="rate_limit",
                error_message="too fast",
                sent_at=at(9),
            ),
            _exchange(
                "e-a1-2",
                "A",
                "k-a1",
                "a0",
                attempt=2,
                sent_at=at(9.5),
                finished_at=at(10),
                out_thread_id="a1",
                out_message_id="r1",
                provider_request_id="req_1",
                resolved_model="gpt-4.1-mini-2025",
                finish_reason="stop",
                **_answered(10, 5, "0.0012"),
            ),
            _exchange(
                "e-a2",
                "A",
                "k-a2",
                "a1",
                turn=2,
                sent_at=at(19),
                finished_at=at(20),
                out_thread_id="a2",
                out_message_id="r2",
                **_answered(20, 2, "0.0008"),
            ),
            *[
                _exchange(
                    f"e-b-{n}",
                    "B",
                    "k-b",
                    "b0",
                    attempt=n,
                    sent_at=at(n),
                    finished_at=at(n + 0.5),
                    status_code=500,
                    error_class="server",
                    error_message=f"it broke, time {n}",
                )
                for n in (1, 2)
            ],
            *[
                _exchange(
                    f"e-c{n}",
                    "C",
                    f"k-c{n}",
                    f"c{n - 1}",
                    client="anthropic",
                    model="claude-haiku-4-5",
                    turn=n,
                    sent_at=at(1440 * n),
                    finished_at=at(1440 * n + 1),
                    out_thread_id=f"c{n}",
                    out_message_id=f"x{66 + 2 * n}",
                    **_answered(100, 10, None),
                )
                for n in (1, 2)
            ],
            _exchange(
                "e-d1",
                "D",
                "k-d1",
                "d0",
                sent_at=at(9),
                finished_at=at(10),
                out_thread_id="d1",
                out_message_id="rd",
                error_class="truncated",
                error_message="cut off at 100 tokens",
                finish_reason="length",
                **_answered(7, 100, "0.001"),
            ),
        ],
        "materialization": [
            {
                **done,
                "partition_key": "2026-01-01",
                "generation": 1,
                "run_id": "run-1",
                "committed_at": at(30),
                "n_threads": 4,
                "n_exchanges": 8,
            }
        ],
        "thread_head": [
            {**moved, "lineage_id": lineage, "thread_id": thread, "error_class": error}
            for lineage, thread, error in (
                ("A", "a2", None),
                ("B", "b0", "server"),
                ("C", "c2", None),
                ("D", "d1", "truncated"),
            )
        ],
    }


def _second() -> dict[str, list[dict[str, Any]]]:
    """Generation 2 of thread a with a warmer config, and an edited spec for thread d."""
    later = {"mat_id": "m2", "created_at": at(2890), "version_no": 1}
    return {
        "thread_version": [
            _thread(
                "a1x",
                "A",
                "a0",
                ["u1", "r1x"],
                keep_n=1,
                llm_config_id="g2",
                system_prompt_id="p1",
                request_key="k-a1x",
                meta='{"meta_tag": "x"}',
                **{**later, "generation": 2},
            ),
            _thread("d0x", "D", None, ["ud"], mat_id="m2", created_at=at(2880), generation=2),
        ],
        "message_version": [_message("r1x", "assistant", "Good day.", **{**later, "version_no": 0})],
        "llm_config_version": [
            _version(
                "g2",
                "G",
                "g1",
                client="openai",
                model="gpt-4.1-mini",
                max_tokens=100,
                temperature=0.9,
                response_format="text",
                params="{}",
                **later,
            )
        ],
        "exchange": [
            _exchange(
                "e-a1x",
                "A",
                "k-a1x",
                "a0",
                sent_at=at(2889),
                finished_at=at(2890),
                out_thread_id="a1x",
                out_message_id="r1x",
                mat_id="m2",
                run_id="run-2",
                generation=2,
                **_answered(10, 3, "0.0011"),
            ),
        ],
        "materialization": [
            {
                "mat_id": "m2",
                "dataset": "sales",
                "asset_key": "sales/entity_versions",
                "code_version": "1",
                "partition_key": "2026-01-01",
                "generation": 2,
                "run_id": "run-2",
                "committed_at": at(2900),
                "n_threads": 1,
                "n_exchanges": 1,
            }
        ],
        "thread_head": [
            {"lineage_id": "A", "thread_id": "a1x", "mat_id": "m2", "sequence": 2, "moved_at": at(2900)}
        ],
    }


def _third() -> dict[str, list[dict[str, Any]]]:
    """Tools, a fork, and a conversation that took over the answer of another."""
    return {**_third_threads(), **_third_parts(), **_third_exchanges()}


def _third_threads() -> dict[str, list[dict[str, Any]]]:
    refund = {
        "partition_key": "2026-01-03",
        "thread_key": "refund",
        "mat_id": "m3",
        "system_prompt_id": "p2",
        "tool_ids": ["t2"],
    }
    german = {**refund, "partition_key": "german", "thread_key": "refund-de", "mat_id": "m5"}
    hello = {"partition_key": "2026-01-03", "mat_id": "m3"}
    said = ["ue", "call", "done"]
    heads = (
        ("E", "e2", "m3", 1),
        ("E", "e2x", "m4", 2),
        ("F", "f1", "m5", 1),
        ("K", "k1", "m3", 1),
        ("L", "l1", "m3", 1),
    )
    return {
        "thread_version": [
            _thread("e0", "E", None, ["ue"], **_made(0, 3000), **refund),
            _thread("e1", "E", "e0", said, **_made(1, 3001, keep=1, key="k-e1"), **refund),
            _thread("e2", "E", "e1", [*said, "re"], **_made(2, 3002, keep=3, key="k-e2"), **refund),
            _thread(
                "e2x",
                "E",
                "e1",
                [*said, "rex"],
                generation=2,
                **_made(2, 3100, keep=3, key="k-e2x"),
                **{**refund, "mat_id": "m4"},
            ),
            _thread("f0", "F", "e1", said, llm_config_id="h1", **_made(0, 3200), **german),
            _thread(
                "f1",
                "F",
                "f0",
                [*said, "rf"],
                llm_config_id="h1",
                **_made(1, 3201, keep=3, key="k-f1"),
                **german,
            ),
            _thread("k0", "K", None, ["uk"], thread_key="hello", **_made(0, 3000), **hello),
            _thread(
                "k1",
                "K",
                "k0",
                ["uk", "rk"],
                thread_key="hello",
                **_made(1, 3001, keep=1, key="k-k1"),
                **hello,
            ),
            _thread("l0", "L", None, ["ul"], thread_key="hello-2", **_made(0, 3000), **hello),
            _thread(
                "l1",
                "L",
                "l0",
                ["ul", "rl"],
                thread_key="hello-2",
                **_made(1, 3001, keep=1, key="k-k1"),
                **hello,
            ),
        ],
        "thread_head": [
            {
                "lineage_id": lineage,
                "thread_id": thread,
                "mat_id": mat,
                "sequence": n,
                "moved_at": at(3000 + n),
            }
            for lineage, thread, mat, n in heads
        ],
    }


def _made(version_no: int, minutes: float, *, keep: int = 0, key: str | None = None) -> dict[str, Any]:
    return {"version_no": version_no, "created_at": at(minutes), "keep_n": keep, "request_key": key}


def _third_parts() -> dict[str, list[dict[str, Any]]]:
    called = {"tool_name": "refund_order", "tool_id": "t2", "tool_call_id": "call_1", "mat_id": "m3"}
    third = {"mat_id": "m3"}
    return {
        "message_version": [
            _message("ue", "user", "My lamp, order 17, arrived broken.", created_at=at(3000), **third),
            _message(
                "call",
                "assistant",
                "",
                created_at=at(3001),
                tool_call='{"order": 17}',
                finish_reason="tool_calls",
                n_tokens=9,
                **called,
            ),
            _message("done", "tool", '{"refunded": 40}', created_at=at(3001), **called),
            _message("re", "assistant", "You get 40 dollars back.", created_at=at(3002), n_tokens=7, **third),
            _message("rex", "assistant", "40 dollars are on their way.", created_at=at(3100), mat_id="m4"),
            _message("rf", "assistant", "Sie bekommen 40 Dollar zurück.", created_at=at(3201), mat_id="m5"),
            _message("uk", "user", "Say hello.", created_at=at(3000), **third),
            _message("rk", "assistant", "Hello!", created_at=at(3001), finish_reason="stop", **third),
            _message("ul", "user", "Say hello.", created_at=at(3000), content_hash="uk", **third),
            _message(
                "rl",
                "assistant",
                "Hello!",
                created_at=at(3001),
                finish_reason="stop",
                content_hash="rk",
                **third,
            ),
        ],
        "system_prompt_version": [
            _version(
                "p2",
                "P",
                "p1",
                name="plain",
                content="Be brief and kind.",
                version_no=1,
                created_at=at(3000),
                mat_id="m3",
            )
        ],
        "tool_version": [
            _version(
                "t2",
                "U",
                kind="CallableTool",
                name="refund_order",
                description="Pay an order back.",
                json_schema='{"type": "object", "properties": {"order": {"type": "integer"}}}',
                created_at=at(3000),
                mat_id="m3",
            )
        ],
    }


def _third_exchanges() -> dict[str, list[dict[str, Any]]]:
    refund = {"partition_key": "2026-01-03", "thread_key": "refund", "mat_id": "m3", "run_id": "run-3"}
    german = {"partition_key": "german", "thread_key": "refund-de", "mat_id": "m5", "run_id": "run-5"}
    claude = {"client": "anthropic", "model": "claude-haiku-4-5"}
    hello = {**refund, "thread_key": "hello", **_sent(3000, "k1", "rk"), **_answered(5, 2, "0.0002")}
    made = {"asset_key": "sales/entity_versions", "dataset": "sales", "code_version": "2"}
    return {
        "exchange": [
            _exchange(
                "e-e1", "E", "k-e1", "e0", **refund, **_sent(3000, "e1", "call"), **_answered(30, 9, "0.002")
            ),
            _exchange(
                "e-e2",
                "E",
                "k-e2",
                "e1",
                step=2,
                **refund,
                **_sent(3001, "e2", "re"),
                **_answered(50, 7, "0.003"),
            ),
            _exchange(
                "e-e2x",
                "E",
                "k-e2x",
                "e1",
                step=2,
                generation=2,
                **{**refund, "mat_id": "m4", "run_id": "run-4"},
                **_sent(3099, "e2x", "rex"),
                **_answered(50, 8, "0.0031"),
            ),
            _exchange(
                "e-f1",
                "F",
                "k-f1",
                "f0",
                **german,
                **claude,
                **_sent(3200, "f1", "rf"),
                **_answered(60, 9, "0.01"),
            ),
            _exchange("e-k1", "K", "k-k1", "k0", **hello),
            _exchange(
                "e-l1",
                "L",
                "k-k1",
                "l0",
                reused_from="e-k1",
                **{**hello, "thread_key": "hello-2", "out_thread_id": "l1", "out_message_id": "rl"},
            ),
        ],
        "tool_run": [
            {
                "id": "tool-1",
                "mat_id": "m3",
                "lineage_id": "E",
                "in_thread_id": "e0",
                "turn": 1,
                "step": 1,
                "tool_call_id": "call_1",
                "tool_id": "t2",
                "tool_name": "refund_order",
                "arguments": '{"order": 17}',
                "result": '{"refunded": 40}',
                "started_at": at(3000.5),
                "duration_ms": 12.5,
                "run_id": "run-3",
                "generation": 1,
            }
        ],
        "materialization": [
            {
                **made,
                "mat_id": mat,
                "partition_key": partition,
                "generation": generation,
                "run_id": run,
                "committed_at": at(minutes),
                "n_threads": threads,
                "n_exchanges": exchanges,
            }
            for mat, partition, generation, run, minutes, threads, exchanges in (
                ("m3", "2026-01-03", 1, "run-3", 3010, 3, 4),
                ("m4", "2026-01-03", 2, "run-4", 3110, 1, 1),
                ("m5", "german", 1, "run-5", 3210, 1, 1),
            )
        ],
    }


def _sent(minutes: float, thread: str, message: str) -> dict[str, Any]:
    return {
        "sent_at": at(minutes),
        "finished_at": at(minutes + 0.1),
        "out_thread_id": thread,
        "out_message_id": message,
        "finish_reason": "stop",
    }
