-- The rows that say what these messages say.
-- in:  $1 (ids of messages)
-- out: in_table, id
with asked as (
    select unnest($1::uuid[]) as id
),

brought as (
    select coalesce(reused_from, id) as origin
    from exchange
    where out_message_id in (select id from asked)
),

-- The answers that brought them, and those that were taken over from these.
answer as (
    select *
    from exchange
    where id in (select origin from brought) or reused_from in (select origin from brought)
),

message as (
    select id from asked
    union
    select out_message_id from answer where out_message_id is not null
),

said_in as (
    select lineage_id, unnest(new_message_ids) as message_id
    from thread_version
)

select 'message_version' as in_table, id
from message

union

select 'exchange', id
from answer

union

-- The calls of a reply.
select 'tool_run', run.id
from tool_run as run
inner join answer
    on answer.in_thread_id = run.in_thread_id
    and answer.turn = run.turn
    and answer.step = run.step
    and answer.generation = run.generation

union

-- The result of a call.
select 'tool_run', run.id
from tool_run as run
inner join message_version as result on result.tool_call_id = run.tool_call_id and result.role = 'tool'
inner join said_in on said_in.message_id = result.id and said_in.lineage_id = run.lineage_id
where result.id in (select id from message)

union

-- The versions that were about to say it.
select 'thread_version', version.id
from thread_version as version
inner join said_in on said_in.lineage_id = version.lineage_id
inner join message_version as said on said.id = said_in.message_id and said.content = version.new_message
where said.id in (select id from message)

union

-- What a program made of a reply, and saved.
select 'other_version', made.id
from other_version as made
inner join message_version as said
    on made.kind in ('RawOutput', 'ProcessedOutput', 'GeneratedJsonObject')
    and contains(made.record::varchar, trim(to_json(said.content)::varchar, '"'))
where said.id in (select id from message) and len(said.content) >= 8
