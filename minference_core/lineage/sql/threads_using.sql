-- Which versions of conversations use a version of a prompt, config, tool or message.
-- in:  version (UUID or text)
-- out: used_as (system_prompt, llm_config, tool, forced_output, message), dataset, partition_key, thread_key,
--      sample, thread_id, lineage_id, version_no, created_at
-- e.g. select used_as, thread_key, short_id(thread_id) as thread, version_no
--      from threads_using((select id from tool_version where name = 'refund_order'))

create or replace macro threads_using(version) as table
with recursive introduced as materialized (
    select id, lineage_id, keep_n + list_position(new_message_ids, cast(version as uuid)) as pos
    from thread_version
    where list_contains(new_message_ids, cast(version as uuid))
),

family as materialized (
    select *
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

-- Each with its columns at once: to look them up by id again would read the whole table.
used as (
    select 'message' as used_as, * from family where id in (select id from carrying)
    union all
    select 'system_prompt', * from thread_version where system_prompt_id = cast(version as uuid)
    union all
    select 'llm_config', * from thread_version where llm_config_id = cast(version as uuid)
    union all
    select 'tool', * from thread_version where list_contains(tool_ids, cast(version as uuid))
    union all
    select 'forced_output', * from thread_version where forced_output_id = cast(version as uuid)
)

select
    used_as, dataset, partition_key, thread_key, sample, id as thread_id, lineage_id, version_no, created_at
from used
order by dataset, partition_key, thread_key, sample, version_no, created_at, id, used_as;
