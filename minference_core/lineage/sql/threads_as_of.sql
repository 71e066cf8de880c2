-- Every conversation as it stood at a time.
-- in:  ts (UTC; TIMESTAMP or text)
-- out: the columns of thread_version, one row for each conversation that had begun
-- e.g. select thread_key, short_id(id) as id, version_no from threads_as_of('2026-01-03 02:01') order by all

create or replace macro threads_as_of(ts) as table
select *
from thread_version
where created_at <= cast(ts as timestamp)
qualify row_number() over (partition by lineage_id order by created_at desc, version_no desc, id desc) = 1;
