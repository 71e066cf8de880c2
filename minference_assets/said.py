"""What was said of each class of failure: the words that tell a person what to do about it."""

from collections.abc import Iterable
from pathlib import Path

import duckdb

__all__ = ["latest_words"]

_LONGEST = 300

# Only how each conversation ended last: an older message may be of something that is mended. Clients have
# keys and addresses of their own, so one class may need several words.
_LAST = """
with attempt as (
    select
        error_class,
        error_message,
        client,
        sent_at,
        row_number() over (partition by lineage_id order by sent_at desc nulls last, attempt desc) as back
    from read_parquet(?, union_by_name = true)
    where tool_name is null
)

select error_class, client, coalesce(arg_max(error_message, sent_at), any_value(error_message))
from attempt
where back = 1 and error_class is not null and error_message is not null
group by all
order by all
"""


def latest_words(exchanges: Iterable[Path]) -> dict[str, str]:
    """
    By error class, what was said last; where clients said different things, all of them.

    Args:
        exchanges: Tables of attempts; one that is not there says nothing.
    """
    files = [str(path) for path in exchanges if path.exists()]
    if not files:
        return {}
    said: dict[str, dict[str, None]] = {}
    with duckdb.connect() as connection:
        for name, _, message in connection.execute(_LAST, [files]).fetchall():
            said.setdefault(name, {})[_one_line(message)] = None
    return {name: "; ".join(messages) for name, messages in said.items()}


def _one_line(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
