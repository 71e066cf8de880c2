-- The versions of one thing as a tree: each under the one it came from. A lineage may have several roots, and one that was
-- forked from another lineage has its root here and its parent there.
-- in:  lineage (of any kind; UUID or text)
-- out: depth, node (its short id, indented), and the columns of entity_version, depth first
-- e.g. select depth, node, version_no, created_at
--      from lineage_tree((select lineage_id from thread_current where thread_key = 'refund'))

create or replace macro lineage_tree(lineage) as table
with recursive family as materialized (
    select *, row_number() over (order by version_no, created_at, id) as place
    from born_with(lineage)
    where lineage_id = cast(lineage as uuid)
),

tree as (
    select 0 as depth, [place] as path, family.*
    from family
    -- A root has no parent here; it may have come from another lineage.
    where parent_id is null or parent_id not in (select id from family)

    union all

    select tree.depth + 1, list_append(tree.path, family.place), family.*
    from tree
    inner join family on family.parent_id = tree.id
)

select depth, repeat('  ', depth) || short_id(id) as node, * exclude (depth, path, place)
from tree
order by path;
