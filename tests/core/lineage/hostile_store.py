"""A conversation of hundreds of versions with long texts, each of which would be a script if it were let."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from minference_core.lineage import definitions
from minference_core.store import Store, table, write_segment

from .small_store import at

ATTACK = "</script><script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>"
_BIRTH = 0x019B_1000_0000 << 80 | 0x8 << 76 | 0b10 << 62


def identity(number: int) -> UUID:
    return UUID(int=_BIRTH + number)


LINEAGE = identity(0)
_CONFIG, _PROMPT, _TOOL, _MAT = identity(1), identity(2), identity(3), identity(4)


def make(data: Path, versions: int = 300) -> Path:
    """A long line with a branch at every twentieth version; its published file."""
    rows = {
        "thread_version": [_version(n, versions) for n in range(versions)],
        "message_version": [_message(n) for n in range(1, versions)],
        "exchange": [_exchange(n) for n in range(2, versions, 2)],
        **_parts(versions),
    }
    write_segment(data / "inbox", "hostile", _MAT, {name: table(name, given) for name, given in rows.items()})
    store = Store(data, definitions())
    store.fold()
    return store.published


def _common(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    return {
        "id": identity(number),
        "lineage_id": identity(number),
        "version_no": 0,
        "created_at": at(minutes),
        "content_hash": identity(number),
        "mat_id": _MAT,
        **more,
    }


def _parent(n: int) -> int:
    """Every twentieth version is a branch of its own, one version long."""
    return n - 2 if n % 20 == 1 and n > 1 else n - 1


def _version(n: int, versions: int) -> dict[str, Any]:
    messages = length(n)
    return _common(
        1000 + n,
        n,
        lineage_id=LINEAGE,
        parent_id=identity(1000 + _parent(n)) if n else None,
        version_no=n,
        thread_key=ATTACK,
        dataset="hostile",
        partition_key="2026-01-01",
        sample=0,
        system_prompt_id=_PROMPT,
        llm_config_id=_CONFIG,
        tool_ids=[_TOOL],
        keep_n=max(messages - 1, 0),
        new_message_ids=[identity(5000 + n)] if n else [],
        n_messages=messages,
        new_message=ATTACK if n == 0 else None,
        name=ATTACK,
        use_history=True,
        generation=1 if n < versions // 2 else 2,
        meta=None,
    )


def length(n: int) -> int:
    """How many messages a version has: one more than the one it came from."""
    length = 0
    while n:
        n, length = _parent(n), length + 1
    return length


def _message(n: int) -> dict[str, Any]:
    said = f"Message {n}. {ATTACK} " + "The quick brown fox jumps over the lazy dog. " * (n * 7 % 200)
    called = {"tool_name": ATTACK, "tool_call": '{"a": "</script>"}'} if n % 10 == 4 else {}
    role = "assistant" if n % 2 == 0 else "user"
    return _common(5000 + n, n, role=role, content=said, reasoning=ATTACK if n % 6 == 0 else None, **called)


def _exchange(n: int) -> dict[str, Any]:
    return {
        "id": identity(9000 + n),
        "mat_id": _MAT,
        "request_key": identity(9000 + n),
        "dataset": "hostile",
        "partition_key": "2026-01-01",
        "thread_key": ATTACK,
        "sample": 0,
        "lineage_id": LINEAGE,
        "in_thread_id": identity(1000 + n - 1),
        "out_thread_id": identity(1000 + n) if n % 14 else None,
        "turn": n // 2,
        "step": 1,
        "attempt": 1,
        "client": "openai",
        "model": ATTACK,
        "url": ATTACK,
        "status_code": 200 if n % 14 else 500,
        "error_class": None if n % 14 else "server",
        "error_message": None if n % 14 else ATTACK,
        "sent_at": at(n - 0.5),
        "finished_at": at(n),
        "prompt_tokens": 100 * n,
        "completion_tokens": 50,
        "total_tokens": 100 * n + 50,
        "cost_usd": Decimal(n) / 1000,
        "price_id": "prices-1",
        "simulated": False,
        "uncertain": False,
        "run_id": ATTACK,
        "generation": 1,
    }


def _parts(versions: int) -> dict[str, list[dict[str, Any]]]:
    made = {"dataset": "hostile", "asset_key": "hostile/entity_versions", "partition_key": "2026-01-01"}
    return {
        "system_prompt_version": [_common(2, 0, name=ATTACK, content=f"{ATTACK} Be kind.")],
        "llm_config_version": [
            _common(1, 0, client="openai", model=ATTACK, max_tokens=9, response_format="text", params="{}")
        ],
        "tool_version": [
            _common(3, 0, kind="CallableTool", name=ATTACK, description=ATTACK, json_schema='{"a": "<img>"}')
        ],
        "materialization": [
            {
                **made,
                "mat_id": _MAT,
                "generation": 1,
                "run_id": ATTACK,
                "code_version": "1",
                "committed_at": at(0),
                "n_threads": 1,
                "n_exchanges": 1,
            }
        ],
        "thread_head": [
            {
                "lineage_id": LINEAGE,
                "thread_id": identity(1000 + versions - 1),
                "mat_id": _MAT,
                "sequence": 1,
                "moved_at": at(400),
            }
        ],
    }
