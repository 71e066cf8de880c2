-- The current version of every conversation. Of a dataset's it is the one its latest materialization left, whatever
-- programs have made of it since; of one that a program holds through the library, the newest.
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
) as head on thread_version.id = head.id

union all

select held.*
from (
    select thread_version.*, null as error_class
    from thread_version
    where dataset is null
    qualify row_number() over (partition by lineage_id order by created_at desc, version_no desc, id desc) = 1
) as held
where not exists (select 1 from thread_head where thread_head.lineage_id = held.lineage_id);
