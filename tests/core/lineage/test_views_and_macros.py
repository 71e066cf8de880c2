"""
Every view and macro, with its answer on the small store (see `small_store.py` for what is in it).

`ask` runs each query in this Python's DuckDB and in the plain command line of DuckDB 1.5.
"""

import re
from datetime import date
from importlib import resources

import pytest

from minference_core.lineage import definitions

from .conftest import Ask
from .small_store import NASTY


def test_every_file_is_installed_once_and_carries_its_contract(ask: Ask) -> None:
    files = {
        file.name.removesuffix(".sql")
        for file in resources.files("minference_core.lineage").joinpath("sql").iterdir()
    }
    installed = ask(
        """
        select view_name from duckdb_views() where not internal and database_name = 'minference'
        and comment like '%out: %'
        union all
        select function_name from duckdb_functions() where not internal and database_name = 'minference'
        and comment like '%out: %'
        order by 1
        """
    )

    assert sorted(installed) == sorted(files)
    assert len(definitions()) == 2 * len(files)


def test_entity_version_has_all_kinds(ask: Ask) -> None:
    assert ask(
        "select kind, count(*), count(distinct id) from entity_version group by kind order by kind"
    ) == [
        ("CallableTool", 1, 1),
        ("ChatMessage", 88, 88),
        ("ChatThread", 21, 21),
        ("LLMConfig", 3, 3),
        ("StructuredTool", 1, 1),
        ("SystemPrompt", 2, 2),
    ]


def test_thread_latest_is_the_version_furthest_from_the_root(ask: Ask) -> None:
    assert ask("select id from thread_latest order by id") == [
        *("a2", "b0", "c2", "d1"),
        *("e2x", "f1", "k1", "l1"),
    ]


def test_thread_current_is_what_the_last_materialization_left(ask: Ask) -> None:
    """A new generation is current although the older branch is longer."""
    assert ask("select id from thread_current order by id") == [
        *("a1x", "b0", "c2", "d1"),
        *("e2x", "f1", "k1", "l1"),
    ]


def test_thread_message_resolves_long_versions_too(ask: Ask) -> None:
    query = """
        select thread_id, count(*), max(pos), arg_max(message_id, pos), list(message_id order by pos)[64:66]
        from thread_message group by thread_id order by thread_id
    """

    assert ask(query) == [
        ("a0", 1, 1, "u1", []),
        ("a1", 2, 2, "r1", []),
        ("a2", 4, 4, "r2", []),
        ("a1x", 2, 2, "r1x", []),
        ("c0", 64, 64, "x64", ["x64"]),
        ("c1", 68, 68, "x68", ["x64", "x65", "x66"]),
        ("c2", 66, 66, "x70", ["x64", "x69", "x70"]),
        ("d0", 1, 1, "ud", []),
        ("d1", 2, 2, "rd", []),
        ("d0x", 1, 1, "ud", []),
        ("e0", 1, 1, "ue", []),
        ("e1", 3, 3, "done", []),
        ("e2", 4, 4, "re", []),
        ("e2x", 4, 4, "rex", []),
        ("f0", 3, 3, "done", []),
        ("f1", 4, 4, "rf", []),
        ("k0", 1, 1, "uk", []),
        ("k1", 2, 2, "rk", []),
        ("l0", 1, 1, "ul", []),
        ("l1", 2, 2, "rl", []),
    ]


def test_transcripts_has_a_row_for_each_conversation(ask: Ask) -> None:
    meta, kind = '{"meta_tag": "x"}', "Be brief and kind."

    assert ask("select * exclude (messages) from transcripts order by thread_key") == [
        ("sales", "2026-01-01", "a", 0, "A", "a1x", "gpt-4.1-mini", 2, "Be brief.", meta, 2),
        ("sales", "2026-01-01", "b", 0, "B", "b0", "gpt-4.1-mini", 0, None, None, 1),
        ("sales", "2026-01-01", "c", 0, "C", "c2", "claude-haiku-4-5", 66, "Be brief.", None, 1),
        ("sales", "2026-01-01", "d", 0, "D", "d1", "gpt-4.1-mini", 2, None, None, 1),
        ("sales", "2026-01-03", "hello", 0, "K", "k1", "gpt-4.1-mini", 2, None, None, 1),
        ("sales", "2026-01-03", "hello-2", 0, "L", "l1", "gpt-4.1-mini", 2, None, None, 1),
        ("sales", "2026-01-03", "refund", 0, "E", "e2x", "gpt-4.1-mini", 4, kind, None, 2),
        ("sales", "german", "refund-de", 0, "F", "f1", "claude-haiku-4-5", 4, kind, None, 1),
    ]
    assert ask("select messages from transcripts where thread_key = 'a'") == [
        [{"role": "user", "content": NASTY}, {"role": "assistant", "content": "Good day."}]
    ]
    assert ask("select messages from transcripts where thread_key = 'b'") == [[]]
    assert ask("select len(messages), messages[64:] from transcripts where thread_key = 'c'") == [
        (
            66,
            [
                {"role": "assistant", "content": "line 64"},
                {"role": "user", "content": "line 69"},
                {"role": "assistant", "content": "line 70"},
            ],
        )
    ]


def test_usage_daily(ask: Ask) -> None:
    claude = ("anthropic", "claude-haiku-4-5")
    gpt = ("openai", "gpt-4.1-mini")

    assert ask("from usage_daily order by day, client") == [
        (date(2026, 1, 1), *gpt, False, 4, 6, 4, 37, 107, 0, 0, 144, "0.003", 0),
        (date(2026, 1, 2), *claude, False, 1, 1, 0, 100, 10, 0, 0, 110, None, 1),
        (date(2026, 1, 3), *claude, False, 2, 2, 0, 160, 19, 0, 0, 179, "0.01", 1),
        (date(2026, 1, 3), *gpt, False, 5, 5, 0, 145, 29, 0, 0, 174, "0.0094", 0),
    ]


def test_usage_by_materialization(ask: Ask) -> None:
    first = ("sales", "2026-01-01", 1, "run-1", "1", 30.0, "m1")
    second = ("sales", "2026-01-01", 2, "run-2", "1", 2900.0, "m2")

    assert ask("from usage_by_materialization where code_version = '1' order by generation, client") == [
        (*first, "anthropic", "claude-haiku-4-5", False, 2, 2, 0, 200, 20, 220, None),
        (*first, "openai", "gpt-4.1-mini", False, 4, 6, 4, 37, 107, 144, "0.003"),
        (*second, "openai", "gpt-4.1-mini", False, 1, 1, 0, 10, 3, 13, "0.0011"),
    ]


def test_usage_has_a_row_for_each_attempt_that_was_sent_and_every_dimension_of_it(ask: Ask) -> None:
    """What was taken over (l1) was paid for elsewhere."""
    query = """
        select exchange_id, partition_key, run_id, code_version, day::varchar, hour, tool_called,
        system_prompt_id, llm_config_id, tool_ids, price_id, total_tokens, cost_usd, round(seconds)
        from usage where run_id != 'run-1' order by sent_at, exchange_id
    """
    day, hour = "2026-01-03", 48 * 60 + 60
    mini = ("g1", ["t2"], "prices-1")

    assert ask(query) == [
        (
            "e-a1x",
            "2026-01-01",
            "run-2",
            "1",
            day,
            48 * 60,
            None,
            "p1",
            "g1",
            [],
            "prices-1",
            13,
            "0.0011",
            60,
        ),
        ("e-e1", day, "run-3", "2", day, hour + 60, "refund_order", "p2", *mini, 39, "0.002", 6),
        ("e-k1", day, "run-3", "2", day, hour + 60, None, None, "g1", [], "prices-1", 7, "0.0002", 6),
        ("e-e2", day, "run-3", "2", day, hour + 60, None, "p2", *mini, 57, "0.003", 6),
        ("e-e2x", day, "run-4", "2", day, hour + 120, None, "p2", *mini, 58, "0.0031", 6),
        ("e-f1", "german", "run-5", "2", day, 3180, None, "p2", "h1", ["t2"], "prices-1", 69, "0.01", 6),
    ]


def test_usage_by_whatever_one_asks(ask: Ask) -> None:
    assert ask("from usage_by(client)") == [
        ("anthropic", 3, 3, 0, 260, 29, 0, 0, 289, "0.01", 2),
        ("openai", 9, 11, 4, 182, 136, 0, 0, 318, "0.0124", 0),
    ]
    assert ask("select dimension, attempts from usage_by(date_trunc('month', day))") == [(0, 14)]
    assert ask("select dimension, attempts, cost_usd from usage_by({'r': run_id, 'p': partition_key})")[
        -2:
    ] == [
        ({"r": "run-4", "p": "2026-01-03"}, 1, "0.0031"),
        ({"r": "run-5", "p": "german"}, 1, "0.01"),
    ]


def test_failures_by_class(ask: Ask) -> None:
    assert ask("select * exclude (first_at, last_at) from failures_by_class order by error_class") == [
        ("sales", "2026-01-01", "server", "openai", "gpt-4.1-mini", 1, 2, "it broke, time 2"),
        ("sales", "2026-01-01", "truncated", "openai", "gpt-4.1-mini", 1, 1, "cut off at 100 tokens"),
    ]


def test_duplicates_are_messages_of_their_own_that_say_the_same(ask: Ask) -> None:
    """Not those that branches and forks share."""
    assert ask("from duplicates order by role") == [
        ("assistant", "Hello!", 2, ["rk", "rl"], 3001, 3001),
        ("user", "Say hello.", 2, ["uk", "ul"], 3000, 3000),
    ]


def test_forks_of_a_version_and_of_a_lineage(ask: Ask) -> None:
    fork = ("F", "f0", "e1", "E", "sales", "german", "refund-de", 0, 3200)

    assert ask("from forks({E})") == [fork]
    assert ask("from forks({e1})") == [fork]
    assert ask("from forks({e2})") == []
    assert ask("from forks({F})") == []


def test_a_fork_is_the_root_of_its_own_lineage_and_goes_back_further(ask: Ask) -> None:
    assert ask("select depth, id from lineage_tree({F})") == [(0, "f0"), (1, "f1")]
    assert ask("select id from descendants({e1})") == ["e1", "e2", "e2x"]
    assert len(ask("select mermaid({F})")[0].splitlines()) == 4
    assert ask("select depth, id, lineage_id from ancestors({f1})") == [
        (0, "f1", "F"),
        (1, "f0", "F"),
        (2, "e1", "E"),
        (3, "e0", "E"),
    ]
    assert ask("select old_ids({f1})") == [["f0"]]
    assert ask("select pos from thread_messages({f1})") == [1, 2, 3, 4]


def test_the_lineage_of_a_version_and_what_was_born_with_it(ask: Ask) -> None:
    assert ask("select lineage_of({e2x})") == ["E"]
    assert ask("select lineage_of({E})") == [None]
    assert ask("select count(*) = (select count(*) from entity_version) from born_with({a0})") == [True]
    assert ask("select count(*) from born_with('019c0000-0000-8000-8000-000000000001')") == [0]
    assert ask("select first_id({a0})::varchar, last_id({a0})::varchar") == [
        ("019b0000-0000-0000-0000-000000000000", "019b0000-0000-ffff-ffff-ffffffffffff")
    ]


def test_two_versions_of_anything_differ_field_by_field(ask: Ask) -> None:
    words = "select field, old_value, new_value from version_diff({%s}, {%s})"

    assert ask("from version_diff({p1}, {p2})") == [
        ("content", "modified", None, "Be brief.", "Be brief and kind.")
    ]
    assert ask(words % ("g1", "g2")) == [("temperature", None, "0.9")]
    assert ask(words % ("re", "rex")) == [
        ("content", "You get 40 dollars back.", "40 dollars are on their way.")
    ]
    assert [field for field, _, _ in ask(words % ("t1", "t2"))] == [
        *("description", "json_schema", "kind", "name")
    ]
    assert ask("from version_diff({a1}, {a1x})") == ask("from thread_diff({a1}, {a1x})")
    assert ask("from version_diff({p2}, {p2})") == []


def test_failures_are_conversations_that_stopped_and_not_attempts_that_were_repeated(ask: Ask) -> None:
    query = """
        select thread_key, thread_id, model, turn, attempts, error_class, error_message, status_code, run_id
        from failures order by thread_key
    """

    assert ask(query) == [
        ("b", "b0", "gpt-4.1-mini", 1, 2, "server", "it broke, time 2", 500, "run-1"),
        ("d", "d1", "gpt-4.1-mini", 1, 1, "truncated", "cut off at 100 tokens", 200, "run-1"),
    ]


def test_invalid_outputs_have_what_was_answered(ask: Ask) -> None:
    query = "select thread_key, in_thread_id, out_message_id, error_class, content from invalid_outputs"

    assert ask(query) == [("d", "d0", "rd", "truncated", '{"a": ')]


def test_lineage(ask: Ask) -> None:
    assert ask("select kind, id, version_no from lineage({A})") == [
        ("ChatThread", "a0", 0),
        ("ChatThread", "a1", 1),
        ("ChatThread", "a1x", 1),
        ("ChatThread", "a2", 2),
    ]


def test_ancestors_of_any_kind(ask: Ask) -> None:
    assert ask("select depth, id from ancestors({a2})") == [(0, "a2"), (1, "a1"), (2, "a0")]
    assert ask("select kind, id from ancestors({g2})") == [("LLMConfig", "g2"), ("LLMConfig", "g1")]
    assert ask("from ancestors({A})") == []


def test_descendants_follow_every_branch(ask: Ask) -> None:
    assert ask("select depth, id from descendants({a0})") == [(0, "a0"), (1, "a1"), (1, "a1x"), (2, "a2")]
    assert ask("select depth, id from descendants({a1x})") == [(0, "a1x")]


def test_old_ids_are_oldest_first(ask: Ask) -> None:
    assert ask("select old_ids({a2})") == [["a0", "a1"]]
    assert ask("select old_ids({a0})") == [[]]


def test_lineage_tree_puts_each_version_under_its_parent(ask: Ask) -> None:
    assert ask("select depth, length(node), id from lineage_tree({A})") == [
        (0, 8, "a0"),
        (1, 10, "a1"),
        (2, 12, "a2"),
        (1, 10, "a1x"),
    ]


def test_a_lineage_may_have_several_roots(ask: Ask) -> None:
    assert ask("select depth, id from lineage_tree({D})") == [(0, "d0"), (1, "d1"), (0, "d0x")]


def test_thread_messages_of_short_and_long_versions(ask: Ask) -> None:
    assert ask("from thread_messages({a2})") == [(1, "u1"), (2, "r1"), (3, "u2"), (4, "r2")]
    assert ask("from thread_messages({c2}) where pos > 63") == [(64, "x64"), (65, "x69"), (66, "x70")]
    assert ask("select count(*), max(pos) from thread_messages({c1})") == [(68, 68)]


def test_transcript_begins_with_the_system_prompt(ask: Ask) -> None:
    assert ask("from transcript({a2})") == [
        (0, "system", "Be brief.", None, None, None, None, None, "p1"),
        (1, "user", NASTY, None, None, None, None, None, "u1"),
        (2, "assistant", "Hello — 你好 🙂", None, None, None, "stop", 5, "r1"),
        (3, "user", "And now?", None, None, None, None, None, "u2"),
        (4, "assistant", "Bye.", None, None, None, None, 2, "r2"),
    ]
    assert ask("from transcript({b0})") == []


def test_thread_diff_field_by_field(ask: Ask) -> None:
    assert ask("from thread_diff({a1}, {a1x})") == [
        ("generation", "modified", None, "1", "2"),
        ("message", "removed", 2, "assistant: Hello — 你好 🙂", None),
        ("message", "added", 2, None, "assistant: Good day."),
        ("temperature", "modified", None, None, "0.9"),
    ]
    assert ask("select change, pos, coalesce(old_value, new_value) from thread_diff({c1}, {c2})") == [
        ("removed", 65, "user: line 65"),
        ("added", 65, "user: line 69"),
        ("removed", 66, "assistant: line 66"),
        ("added", 66, "assistant: line 70"),
        ("removed", 67, "user: line 67"),
        ("removed", 68, "assistant: line 68"),
    ]
    assert ask("from thread_diff({a1}, {a1})") == []


def test_one_conversation_as_of_a_time(ask: Ask) -> None:
    assert ask("select id from thread_as_of({A}, '2026-01-01 00:15')") == ["a1"]
    assert ask("select id from thread_as_of({A}, timestamp '2026-02-01')") == ["a1x"]
    assert ask("select id from thread_as_of({A}, '2025-12-31 23:59')") == []


def test_all_conversations_as_of_a_time(ask: Ask) -> None:
    assert ask("select id from threads_as_of('2026-01-01 00:15') order by id") == ["a1", "b0", "c1", "d1"]
    assert ask("from threads_as_of('2025-12-31')") == []


@pytest.mark.parametrize("version", ["a1", "r1"])
def test_provenance_of_what_a_request_made(ask: Ask, version: str) -> None:
    asked = "select request_key, exchange_id, turn, step, attempt, provider_request_id, resolved_model"
    paid = "select id, price_id, cost_usd"
    where = "select dataset, partition_key, thread_key, sample, generation, run_id, code_version, mat_id"
    source = f" from provenance({{{version}}})"

    assert ask(asked + source) == [("k-a1", "e-a1-2", 1, 1, 2, "req_1", "gpt-4.1-mini-2025")]
    assert ask(paid + source) == [(version, "prices-1", "0.0012")]
    assert ask(where + source) == [("sales", "2026-01-01", "a", 0, 1, "run-1", "1", "m1")]


def test_provenance_of_what_a_thread_spec_gave(ask: Ask) -> None:
    query = "select partition_key, thread_key, request_key, run_id, recorded_by_run_id from provenance({%s})"

    assert ask(query % "a0") == [("2026-01-01", "a", None, None, "run-1")]
    assert ask(query % "p1") == [("2026-01-01", None, None, None, "run-1")]
    assert ask(query % "A") == []


def test_mermaid_draws_every_version_and_step(ask: Ask) -> None:
    [drawing] = ask("select mermaid({A})")
    lines = [re.sub(r"v019b0*8000\d*8000\d+(\w)", r"v\1", line) for line in drawing.splitlines()]

    assert lines == [
        "graph TD",
        '  v7["ChatThread v0 00000007"]',
        '  v8["ChatThread v1 00000008"]',
        "  v7 --> v8",
        '  va["ChatThread v1 0000000a"]',
        "  v7 --> va",
        '  v9["ChatThread v2 00000009"]',
        "  v8 --> v9",
    ]
    assert ask("select mermaid({a0})") == [None]


def test_mermaid_escapes_whatever_was_said(ask: Ask) -> None:
    """A quote, tag, entity or directive in a message must not become part of the drawing."""
    [drawing] = ask("select mermaid({u1})")

    assert drawing.splitlines()[1].endswith(
        '<br/>Say #34;hi#34; to #60;b#62;R#38;D#60;/b#62;; #35;1#58; #96;x#96; #37;#37;{init…"]'
    )


def test_mermaid_text(ask: Ask) -> None:
    assert ask(r"select mermaid_text('*_a_* \n' || chr(10) || chr(9) || 'é 你')") == [
        "#42;#95;a#95;#42; #92;n é 你"
    ]
    assert ask("select length(mermaid_text(repeat('a', 100)))") == [40]


def test_threads_using_a_prompt_config_or_tool(ask: Ask) -> None:
    query = "select thread_id, used_as from threads_using({%s})"

    assert ask(query % "p1") == [
        (thread, "system_prompt") for thread in ("a0", "a1", "a1x", "a2", "c0", "c1", "c2")
    ]
    assert ask(query % "g2") == [("a1x", "llm_config")]
    assert ask(query % "t1") == [
        ("d0", "forced_output"),
        ("d0", "tool"),
        ("d1", "forced_output"),
        ("d1", "tool"),
    ]


def test_threads_using_a_message_as_long_as_they_keep_it(ask: Ask) -> None:
    query = "select thread_id from threads_using({%s}) where used_as = 'message'"

    assert ask(query % "u1") == ["a0", "a1", "a1x", "a2"]
    assert ask(query % "r1") == ["a1", "a2"]
    assert ask(query % "x64") == ["c0", "c1", "c2"]
    assert ask(query % "x66") == ["c1"]
    assert ask(query % "x69") == ["c2"]
    assert ask(query % "ud") == ["d0", "d0x", "d1"]


def test_short_id(ask: Ask) -> None:
    assert ask("select short_id({a1})") == ["00000008"]


def test_ids_may_be_uuids_or_text(ask: Ask) -> None:
    assert ask("select pos from thread_messages({a1})") == [1, 2]
    assert ask("select pos from thread_messages({a1}::uuid)") == [1, 2]
    assert ask("select pos from thread_messages(replace({a1}, '-', ''))") == [1, 2]
