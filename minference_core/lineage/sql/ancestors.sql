-- A version and everything it came from, nearest first; nothing if there is no such version.
-- in:  version (of any kind; UUID or text)
-- out: depth (0 is the version itself), and the columns of entity_version

create or replace macro ancestors(version) as table
with recursive family as materialized (
    -- Its lineage first: recursing over the whole table costs twenty times as much.
    select *
    from entity_version
    where lineage_id = (select lineage_id from entity_version where id = cast(version as uuid) limit 1)
),

ancestry as (
    select 0 as depth, family.*
    from family
    where id = cast(version as uuid)

    union all

    select ancestry.depth + 1, family.*
    from ancestry
    inner join family on family.id = ancestry.parent_id
)

select *
from ancestry
order by depth;
