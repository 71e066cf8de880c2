-- What is different between two versions of conversations, of one lineage or two.
-- in:  a, b (threads; UUID or text)
-- out: field, change (added, removed, modified), pos (of a message), old_value (in a), new_value (in b)
-- e.g. select field, change, pos, old_value, new_value
--      from thread_diff(
--          (select id from thread_latest where thread_key = 'refund'),
--          (select id from thread_latest where thread_key = 'refund-de')
--      )

create or replace macro thread_diff(a, b) as table
with side as (
    select
        thread.id,
        [
            {'field': 'name', 'value': thread.name},
            {'field': 'system_prompt', 'value': prompt.content},
            {'field': 'client', 'value': config.client},
            {'field': 'model', 'value': config.model},
            {'field': 'max_tokens', 'value': cast(config.max_tokens as varchar)},
            {'field': 'temperature', 'value': cast(config.temperature as varchar)},
            {'field': 'response_format', 'value': config.response_format},
            {'field': 'params', 'value': cast(config.params as varchar)},
            {'field': 'tool_ids', 'value': cast(thread.tool_ids as varchar)},
            {'field': 'forced_output_id', 'value': cast(thread.forced_output_id as varchar)},
            {'field': 'new_message', 'value': thread.new_message},
            {'field': 'use_history', 'value': cast(thread.use_history as varchar)},
            {'field': 'workflow_step', 'value': cast(thread.workflow_step as varchar)},
            {'field': 'generation', 'value': cast(thread.generation as varchar)},
            {'field': 'meta', 'value': cast(thread.meta as varchar)},
            {'field': 'extra', 'value': cast(thread.extra as varchar)}
        ] as fields
    from thread_version as thread
    left join system_prompt_version as prompt on prompt.id = thread.system_prompt_id
    left join llm_config_version as config on config.id = thread.llm_config_id
    where thread.id in (cast(a as uuid), cast(b as uuid))
),

field_a as (select unnest(fields, recursive := true) from side where id = cast(a as uuid)),

field_b as (select unnest(fields, recursive := true) from side where id = cast(b as uuid)),

-- A message may stand in a conversation more than once: its first time is compared with its first.
message_a as (
    select pos, message_id, row_number() over (partition by message_id order by pos) as nth
    from thread_messages(a)
),

message_b as (
    select pos, message_id, row_number() over (partition by message_id order by pos) as nth
    from thread_messages(b)
),

moved as (
    select
        coalesce(message_b.pos, message_a.pos) as pos,
        message_a.message_id as old_id,
        message_b.message_id as new_id
    from message_a
    full join message_b on message_b.message_id = message_a.message_id and message_b.nth = message_a.nth
    where message_a.message_id is null or message_b.message_id is null
)

select
    'message' as field,
    case when moved.old_id is null then 'added' else 'removed' end as change,
    moved.pos,
    case when moved.old_id is not null then message.role || ': ' || coalesce(message.content, '') end as old_value,
    case when moved.new_id is not null then message.role || ': ' || coalesce(message.content, '') end as new_value
from moved
left join message_version as message on message.id = coalesce(moved.old_id, moved.new_id)

union all

select field_a.field, 'modified', null, field_a.value, field_b.value
from field_a
inner join field_b on field_b.field = field_a.field
where field_a.value is distinct from field_b.value
order by field, pos, change desc;
