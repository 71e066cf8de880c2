-- Every version of one thing, oldest first.
-- in:  lineage (of any kind; UUID or text)
-- out: the columns of entity_version
-- e.g. select kind, short_id(id) as id, version_no, created_at
--      from lineage((select lineage_id from thread_current where thread_key = 'refund'))

create or replace macro lineage(lineage) as table
select *
from born_with(lineage)
where lineage_id = cast(lineage as uuid)
order by version_no, created_at, id;
