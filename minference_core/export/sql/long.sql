-- The messages of candidates that have no list of their own, resolved as the view thread_message does it.
insert into mention
with recursive resolved as (
    select candidate.place, thread.parent_id, thread.keep_n, thread.new_message_ids as ids
    from candidate
    inner join thread_version as thread on thread.id = candidate.thread_id
    where candidate.reason is null and candidate.is_long

    union all

    select
        child.place,
        parent.parent_id,
        case when parent.message_ids is null then least(child.keep_n, parent.keep_n) else 0 end,
        coalesce(
            parent.message_ids[1:child.keep_n],
            parent.new_message_ids[1:greatest(child.keep_n - parent.keep_n, 0)]
        ) || child.ids
    from resolved as child
    inner join thread_version as parent on parent.id = child.parent_id
    where child.keep_n > 0
)

select place, unnest(range(1, len(ids) + 1))::integer as pos, unnest(ids) as message_id
from resolved
where keep_n = 0
