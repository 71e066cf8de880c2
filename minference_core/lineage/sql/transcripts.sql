-- Every conversation as it stands now, one row each, its messages in order.
-- Those that programs hold through the library have neither dataset nor thread_key.
-- out: dataset, partition_key, thread_key, sample, lineage_id, thread_id, model, n_messages,
--      messages (list of role and content, oldest first, without the system prompt), system_prompt, meta,
--      generation
-- e.g. select thread_key, model, n_messages, messages[-1].content as last_words from transcripts order by thread_key

create or replace view transcripts as
with recursive long as materialized (
    select id, lineage_id, parent_id, keep_n, new_message_ids
    from thread_current
    where message_ids is null
),

family as materialized (
    -- The lineages first, as few conversations are long: recursing over the whole table would hash it.
    select id, parent_id, keep_n, new_message_ids, message_ids
    from thread_version
    where lineage_id in (select lineage_id from long)
),

resolved as (
    -- As in thread_message, for current versions only.
    select id, parent_id, keep_n, new_message_ids as ids
    from long

    union all

    select
        child.id, parent.parent_id,
        case when parent.message_ids is null then least(child.keep_n, parent.keep_n) else 0 end,
        coalesce(
            parent.message_ids[1:child.keep_n],
            parent.new_message_ids[1:greatest(child.keep_n - parent.keep_n, 0)]
        ) || child.ids
    from resolved as child
    inner join family as parent on parent.id = child.parent_id
    where child.keep_n > 0
),

long_thread as (
    select id, ids
    from resolved
    where keep_n = 0
),

mentioned as (
    -- One row for each message, and one for a conversation without any.
    select
        thread.* exclude (message_ids, new_message_ids, tool_ids),
        unnest(case when thread.n_messages = 0 then [0] else range(1, thread.n_messages + 1) end) as pos,
        unnest(
            case when thread.n_messages = 0 then [null] else coalesce(thread.message_ids, long_thread.ids) end
        ) as message_id
    from thread_current as thread
    left join long_thread on long_thread.id = thread.id
)

select
    thread.dataset,
    thread.partition_key,
    thread.thread_key,
    thread.sample,
    thread.lineage_id,
    thread.id as thread_id,
    config.model,
    thread.n_messages,
    coalesce(
        list({'role': message.role, 'content': message.content} order by thread.pos) filter (where thread.pos > 0),
        []
    ) as messages,
    any_value(prompt.content) as system_prompt,
    thread.meta,
    thread.generation
from mentioned as thread
inner join llm_config_version as config on config.id = thread.llm_config_id
left join system_prompt_version as prompt on prompt.id = thread.system_prompt_id
left join message_version as message on message.id = thread.message_id
-- Grouped by all that a reader may ask for, so that asking for one partition reads only its messages.
group by
    thread.dataset, thread.partition_key, thread.thread_key, thread.sample, thread.lineage_id, thread.id,
    config.model, thread.n_messages, thread.meta, thread.generation;
