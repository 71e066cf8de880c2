-- The messages of every candidate that may be in the export, in order; those of long versions come after (long.sql).
create temp table mention as
select place, unnest(range(1, len(ids) + 1))::integer as pos, unnest(ids) as message_id
from (
    select candidate.place, thread.message_ids as ids
    from candidate
    inner join thread_version as thread on thread.id = candidate.thread_id
    where candidate.reason is null and not candidate.is_long
)
