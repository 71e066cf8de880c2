-- The current version of every conversation: the one its latest materialization left.
-- out: the columns of thread_version, error_class (why it ended early; null if it did not)

create or replace view thread_current as
select thread_version.*, head.error_class
from thread_version
inner join (
    select lineage_id, unnest(arg_max(
        {'id': thread_id, 'error_class': error_class}, (sequence, moved_at, mat_id, thread_id)
    ))
    from thread_head
    group by lineage_id
) as head on thread_version.id = head.id;
