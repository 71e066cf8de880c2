-- The current version of every conversation. Of a dataset's it is the one its latest materialization left, whatever
-- programs have made of it since; of one that a program holds through the library, the newest.
-- out: the columns of thread_version, error_class (why it ended early; null if it did not)
-- e.g. select thread_key, sample, short_id(id) as id, n_messages, generation, error_class from thread_current order by all

create or replace view thread_current as
select thread_version.*, head.error_class
from thread_version
inner join thread_head as head
    on thread_version.id = head.thread_id and thread_version.lineage_id = head.lineage_id
-- Not by a group of all heads: who asks for one partition or one lineage reads only its own. And as a join: `not exists`
-- would make all pairs of a lineage's heads.
anti join thread_head as later
    on later.lineage_id = head.lineage_id
    and (later.sequence, later.moved_at, later.mat_id, later.thread_id)
    > (head.sequence, head.moved_at, head.mat_id, head.thread_id)

union all

-- The dataset said to be null, so that who asks for a dataset's reads none of these.
select thread_version.* replace (cast(null as varchar) as dataset), null as error_class
from thread_version
anti join thread_head on thread_head.lineage_id = thread_version.lineage_id
where thread_version.dataset is null
qualify row_number() over (partition by lineage_id order by created_at desc, version_no desc, id desc) = 1;
