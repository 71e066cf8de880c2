-- Every conversation as it stands now, one row each, its messages in order.
-- out: dataset, partition_key, thread_key, sample, lineage_id, thread_id, model, n_messages,
--      messages (list of role and content, oldest first, without the system prompt), system_prompt, meta,
--      generation

create or replace view transcripts as
with recursive resolved as (
    -- As in thread_message, for current versions only.
    select
        id, parent_id,
        case when message_ids is null then keep_n else 0 end as keep_n,
        coalesce(message_ids, new_message_ids) as ids
    from thread_current
    where message_ids is null

    union all

    select
        child.id, parent.parent_id,
        case when parent.message_ids is null then least(child.keep_n, parent.keep_n) else 0 end,
        coalesce(
            parent.message_ids[1:child.keep_n],
            parent.new_message_ids[1:greatest(child.keep_n - parent.keep_n, 0)]
        ) || child.ids
    from resolved as child
    inner join thread_version as parent on parent.id = child.parent_id
    where child.keep_n > 0
),

long_thread as (
    select id, ids
    from resolved
    where keep_n = 0
),

mentioned as (
    select
        thread.id,
        unnest(range(1, thread.n_messages + 1)) as pos,
        unnest(coalesce(thread.message_ids, long_thread.ids)) as message_id
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
    coalesce(said.messages, []) as messages,
    prompt.content as system_prompt,
    thread.meta,
    thread.generation
from thread_current as thread
inner join llm_config_version as config on config.id = thread.llm_config_id
left join system_prompt_version as prompt on prompt.id = thread.system_prompt_id
left join (
    select
        mentioned.id,
        list({'role': message.role, 'content': message.content} order by mentioned.pos) as messages
    from mentioned
    inner join message_version as message on message.id = mentioned.message_id
    group by mentioned.id
) as said on said.id = thread.id;
