-- Which messages every version of every conversation has. For one version, ask thread_messages(version).
-- out: thread_id, lineage_id (the conversation's), pos (from 1), message_id
-- e.g. select short_id(thread_id) as thread, count(*) as messages from thread_message group by all order by all

create or replace view thread_message as
with recursive resolved as (
    -- Long versions have no cache of their messages: walk up until one has, or keeps nothing.
    select
        id, lineage_id, parent_id,
        case when message_ids is null then keep_n else 0 end as keep_n,
        coalesce(message_ids, new_message_ids) as ids
    from thread_version

    union all

    select
        child.id, child.lineage_id, parent.parent_id,
        case when parent.message_ids is null then least(child.keep_n, parent.keep_n) else 0 end,
        coalesce(
            parent.message_ids[1:child.keep_n],
            parent.new_message_ids[1:greatest(child.keep_n - parent.keep_n, 0)]
        ) || child.ids
    from resolved as child
    inner join thread_version as parent on parent.id = child.parent_id
    where child.keep_n > 0
)

select
    id as thread_id,
    lineage_id,
    unnest(range(1, len(ids) + 1))::integer as pos,
    unnest(ids) as message_id
from resolved
where keep_n = 0;
