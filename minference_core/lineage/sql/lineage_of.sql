-- The lineage of a version; null if there is no such version.
-- in:  version (of any kind; UUID or text)
-- out: UUID
-- e.g. select short_id(lineage_of((select id from thread_current where thread_key = 'refund'))) as lineage

create or replace macro lineage_of(version) as (
    select lineage_id
    from born_with(version)
    where id = cast(version as uuid)
    limit 1
);
