-- The current version of every conversation. Of a dataset's it is the one its latest materialization left, whatever
-- programs have made of it since; of one that a program holds through the library, the newest.
-- out: the columns of thread_version, error_class (why it ended early; null if it did not)
-- e.g. select thread_key, sample, short_id(id) as id, n_messages, generation, error_class from thread_current order by all

create or replace view thread_current as
select thread_version.*, head.error_class
from thread_version
inner join (
    select lineage_id, unnest(arg_max(
        {'id': thread_id, 'error_class': error_class}, (sequence, moved_at, mat_id, thread_id)
    ))
    from thread_head
    group by lineage_id
-- By lineage too: who asks for one lineage reads only its own heads.
) as head on thread_version.id = head.id and thread_version.lineage_id = head.lineage_id

union all

select thread_version.*, null as error_class
from thread_version
anti join thread_head on thread_head.lineage_id = thread_version.lineage_id
where thread_version.dataset is null
qualify row_number() over (partition by lineage_id order by created_at desc, version_no desc, id desc) = 1;
