-- The conversations that were forked from a version, or from any version of a lineage: each a lineage of its own, whose first
-- version came from one of another lineage.
-- in:  version (of a thread, or a thread's lineage; UUID or text)
-- out: lineage_id, thread_id (its first version), forked_from (the version it came from), from_lineage_id, dataset,
--      partition_key, thread_key, sample, created_at
-- e.g. select short_id(lineage_id) as lineage, short_id(forked_from) as forked_from, partition_key, thread_key
--      from forks((select lineage_id from thread_current where thread_key = 'refund'))

create or replace macro forks(version) as table
with origin as materialized (
    select id, lineage_id
    from thread_version
    where
        id between first_id(version) and last_id(version)
        and (id = cast(version as uuid) or lineage_id = cast(version as uuid))
)

select
    fork.lineage_id,
    fork.id as thread_id,
    fork.parent_id as forked_from,
    origin.lineage_id as from_lineage_id,
    fork.dataset,
    fork.partition_key,
    fork.thread_key,
    fork.sample,
    fork.created_at
from thread_version as fork
inner join origin on origin.id = fork.parent_id
where
    fork.parent_id between first_id(version) and last_id(version)
    and fork.lineage_id != origin.lineage_id
order by fork.created_at, fork.dataset, fork.partition_key, fork.thread_key, fork.sample, fork.id;
