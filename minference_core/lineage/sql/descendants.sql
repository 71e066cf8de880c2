-- A version and everything that came from it in its lineage, nearest first; nothing if there is no such version. What was
-- forked from it into lineages of their own: forks(version).
-- in:  version (of any kind; UUID or text)
-- out: depth (0 is the version itself), and the columns of entity_version
-- e.g. select depth, short_id(id) as id, version_no, created_at
--      from descendants((select id from thread_version where thread_key = 'refund' and parent_id is null))

create or replace macro descendants(version) as table
with recursive family as materialized (
    select *
    from born_with(version)
    where lineage_id = lineage_of(version)
),

offspring as (
    select 0 as depth, family.*
    from family
    where id = cast(version as uuid)

    union all

    select offspring.depth + 1, family.*
    from offspring
    inner join family on family.parent_id = offspring.id
)

select *
from offspring
order by depth, created_at, id;
