-- The ids a version had before: those of its ancestors in its lineage, oldest first.
-- in:  version (of any kind; UUID or text)
-- out: a list of ids, empty for a first version
-- e.g. select old_ids((select id from thread_current where thread_key = 'refund')) as old_ids

create or replace macro old_ids(version) as (
    select coalesce(list(id order by depth desc), [])
    from ancestors(version)
    where depth > 0 and lineage_id = lineage_of(version)
);
