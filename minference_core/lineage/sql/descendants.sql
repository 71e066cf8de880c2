-- A version and everything that came from it, nearest first; nothing if there is no such version.
-- in:  version (of any kind; UUID or text)
-- out: depth (0 is the version itself), and the columns of entity_version

create or replace macro descendants(version) as table
with recursive family as materialized (
    select *
    from entity_version
    where lineage_id = (select lineage_id from entity_version where id = cast(version as uuid) limit 1)
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
