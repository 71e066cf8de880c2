-- Every version of one thing, oldest first.
-- in:  lineage (of any kind; UUID or text)
-- out: the columns of entity_version

create or replace macro lineage(lineage) as table
select *
from entity_version
where lineage_id = cast(lineage as uuid)
order by version_no, created_at, id;
