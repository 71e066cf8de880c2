-- A version and everything it came from, nearest first; nothing if there is no such version. What was forked from another
-- lineage goes back into that one.
-- in:  version (of any kind; UUID or text)
-- out: depth (0 is the version itself), and the columns of entity_version
-- e.g. select depth, short_id(id) as id, short_id(lineage_id) as lineage, version_no, created_at
--      from ancestors((select id from thread_current where thread_key = 'refund-de'))

create or replace macro ancestors(version) as table
with recursive origin as (
    -- The lineages first, one for each fork: recursing over the whole table costs twenty times as much.
    select lineage_of(version) as lineage_id

    union

    select parent.lineage_id
    from thread_version as parent
    -- As lists, of which DuckDB knows that they are short: of a join it would hash the whole table.
    where parent.id in (
        select unnest(list(child.parent_id))
        from thread_version as child
        where child.lineage_id in (select unnest(list(lineage_id)) from origin)
    )
),

family as materialized (
    select *
    from born_with(version)
    where lineage_id in (select unnest(list(lineage_id)) from origin)

    union

    select 'ChatThread', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
    from thread_version
    where lineage_id in (select unnest(list(lineage_id)) from origin)
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
