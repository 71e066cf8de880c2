-- Whose conversations these rows are of: dataset and partition, both null for those that programs hold.
-- in:  $1 (ids)
-- out: dataset, partition_key
with asked as (
    select unnest($1::uuid[]) as id
)

select dataset, partition_key
from thread_version
where
    id in (select id from asked)
    or system_prompt_id in (select id from asked)
    or list_has_any(new_message_ids, $1::uuid[])

union

select dataset, partition_key
from exchange
where id in (select id from asked)
