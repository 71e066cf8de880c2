-- Which versions of conversations use a version of a prompt, config, tool or message.
-- in:  version (UUID or text)
-- out: used_as (system_prompt, llm_config, tool, forced_output, message), dataset, partition_key, thread_key,
--      sample, thread_id, lineage_id, version_no, created_at

create or replace macro threads_using(version) as table
with recursive introduced as materialized (
    select id, lineage_id, keep_n + list_position(new_message_ids, cast(version as uuid)) as pos
    from thread_version
    where list_contains(new_message_ids, cast(version as uuid))
),

family as materialized (
    select id, parent_id, keep_n
    from thread_version
    where lineage_id in (select lineage_id from introduced)
),

-- A version that keeps its parent's messages as far as this one has it too.
carrying as (
    select id, pos
    from introduced

    union

    select family.id, carrying.pos
    from carrying
    inner join family on family.parent_id = carrying.id
    where family.keep_n >= carrying.pos
),

used as (
    select 'message' as used_as, id from carrying
    union
    select 'system_prompt', id from thread_version where system_prompt_id = cast(version as uuid)
    union all
    select 'llm_config', id from thread_version where llm_config_id = cast(version as uuid)
    union all
    select 'tool', id from thread_version where list_contains(tool_ids, cast(version as uuid))
    union all
    select 'forced_output', id from thread_version where forced_output_id = cast(version as uuid)
)

select
    used.used_as,
    thread.dataset,
    thread.partition_key,
    thread.thread_key,
    thread.sample,
    thread.id as thread_id,
    thread.lineage_id,
    thread.version_no,
    thread.created_at
from used
inner join thread_version as thread on thread.id = used.id
order by
    thread.dataset, thread.partition_key, thread.thread_key, thread.sample, thread.version_no, thread.created_at,
    thread.id, used.used_as;
