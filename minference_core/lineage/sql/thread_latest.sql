-- The newest version of every conversation, whether or not it is the current one.
-- out: the columns of thread_version
-- e.g. select thread_key, short_id(id) as id, version_no, n_messages, generation from thread_latest order by all

create or replace view thread_latest as
select *
from thread_version
qualify row_number() over (partition by lineage_id order by version_no desc, created_at desc, id desc) = 1;
