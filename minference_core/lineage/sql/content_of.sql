-- What a version of anything but a conversation says, as JSON; nothing if there is no such version. One version at a time: for
-- an `in` or an `or`, DuckDB would read every text there is.
-- in:  version (UUID or text)
-- out: id, content (the fields with a column of their own), others (the other fields)
-- e.g. select content ->> 'content' as said, others
--      from content_of((select id from system_prompt_version where version_no = 1))

create or replace macro content_of(version) as table
select
    id,
    to_json({
        'kind': 'ChatMessage', 'role': role, 'content': content, 'reasoning': reasoning, 'tool_name': tool_name,
        'tool_id': tool_id, 'tool_call_id': tool_call_id, 'tool_call': tool_call, 'finish_reason': finish_reason
    }) as content,
    extra as others
from message_version
where id = cast(version as uuid)

union all

select id, to_json({'kind': 'SystemPrompt', 'name': name, 'content': content}), extra
from system_prompt_version
where id = cast(version as uuid)

union all

select
    id,
    to_json({
        'kind': 'LLMConfig', 'client': client, 'model': model, 'max_tokens': max_tokens, 'temperature': temperature,
        'response_format': response_format
    }),
    params
from llm_config_version
where id = cast(version as uuid)

union all

select
    id,
    to_json({
        'kind': kind, 'name': name, 'description': description, 'json_schema': json_schema,
        'callable_text': callable_text
    }),
    extra
from tool_version
where id = cast(version as uuid)

union all

select id, to_json({'kind': kind, 'module': module}), record
from other_version
where id = cast(version as uuid)

union all

select cast(beside ->> '$.usage.id' as uuid), to_json({'kind': 'Usage'}), beside -> '$.usage'
from message_version
where id between first_id(version) and last_id(version) and beside ->> '$.usage.id' = cast(cast(version as uuid) as varchar);
