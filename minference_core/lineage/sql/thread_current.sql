-- The current version of every conversation: the one its latest materialization left.
-- out: the columns of thread_version

create or replace view thread_current as
select thread_version.*
from thread_version
inner join (
    -- Two materializations in the same microsecond: any one of them, but always the same.
    select lineage_id, arg_max(thread_id, (moved_at, mat_id, thread_id)) as id
    from thread_head
    group by lineage_id
) as head on thread_version.id = head.id;
