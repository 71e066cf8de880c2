-- The ids a version had before: those of its ancestors, oldest first.
-- in:  version (of any kind; UUID or text)
-- out: a list of ids, empty for a first version

create or replace macro old_ids(version) as (
    select coalesce(list(id order by depth desc), [])
    from ancestors(version)
    where depth > 0
);
