-- One conversation as it stood at a time.
-- in:  lineage (a thread's; UUID or text), ts (UTC; TIMESTAMP or text)
-- out: the columns of thread_version; no row if it had not begun
-- e.g. select short_id(id) as id, version_no, created_at
--      from thread_as_of((select lineage_id from thread_current where thread_key = 'refund'), '2026-01-03 02:02')

create or replace macro thread_as_of(lineage, ts) as table
select *
from thread_version
where lineage_id = cast(lineage as uuid) and created_at <= cast(ts as timestamp)
order by created_at desc, version_no desc, id desc
limit 1;
