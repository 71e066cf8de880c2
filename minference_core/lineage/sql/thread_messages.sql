-- Which messages one version of a conversation has, in order.
-- in:  version (of a thread; UUID or text)
-- out: pos (from 1), message_id
-- e.g. select pos, short_id(message_id) as message
--      from thread_messages((select id from thread_current where thread_key = 'refund'))

create or replace macro thread_messages(version) as table
with recursive family as materialized (
    select id, parent_id, keep_n, new_message_ids, message_ids
    from thread_version
    where lineage_id = (select lineage_id from thread_version where id = cast(version as uuid) limit 1)
),

resolved as (
    -- Walk up until a version has all its messages at hand, or keeps none of its parent's.
    select
        parent_id,
        case when message_ids is null then keep_n else 0 end as keep_n,
        coalesce(message_ids, new_message_ids) as ids
    from family
    where id = cast(version as uuid)

    union all

    select
        parent.parent_id,
        case when parent.message_ids is null then least(child.keep_n, parent.keep_n) else 0 end,
        coalesce(
            parent.message_ids[1:child.keep_n],
            parent.new_message_ids[1:greatest(child.keep_n - parent.keep_n, 0)]
        ) || child.ids
    from resolved as child
    inner join family as parent on parent.id = child.parent_id
    where child.keep_n > 0
)

select unnest(range(1, len(ids) + 1))::integer as pos, unnest(ids) as message_id
from resolved
where keep_n = 0
order by pos;
