-- What differs between two versions of anything, field by field: conversations, messages, prompts, configs, tools, a user's
-- own classes. They need not be of one lineage, nor of one kind.
-- in:  a, b (UUID or text)
-- out: field, change (added, removed, modified), pos (of a message of a conversation), old_value (in a), new_value (in b)
-- e.g. select field, change, old_value, new_value
--      from version_diff(
--          (select id from system_prompt_version where version_no = 0),
--          (select id from system_prompt_version where version_no = 1)
--      )

create or replace macro version_diff(a, b) as table
with side as (
    from content_of(a)

    union all

    from content_of(b)
),

-- A field that is null, or that only one of them has, is null here; ids and times are no content.
field as (
    select id, unnest(map_entries(cast(content as map(varchar, json))), recursive := true)
    from side

    union all

    select id, unnest(map_entries(cast(others as map(varchar, json))), recursive := true)
    from side
    where others is not null
),

field_a as (select key, value ->> '$' as value from field where id = cast(a as uuid)),

field_b as (select key, value ->> '$' as value from field where id = cast(b as uuid))

select field, change, pos, old_value, new_value
from thread_diff(a, b)

union all

select coalesce(field_a.key, field_b.key) as field, 'modified', null, field_a.value, field_b.value
from field_a
full join field_b on field_b.key = field_a.key
where
    field_a.value is distinct from field_b.value
    and coalesce(field_a.key, field_b.key) not in ('id', 'lineage_id', 'created_at')
order by field, pos, change desc;
