-- What was said in one version of a conversation, in order. The system prompt, if there is one, is number 0.
-- in:  version (of a thread; UUID or text)
-- out: pos, role, content, reasoning, tool_name, tool_call, finish_reason, n_tokens, message_id (the prompt's for 0)
-- e.g. select pos, role, content, tool_name, tool_call
--      from transcript((select id from thread_current where thread_key = 'refund'))

create or replace macro transcript(version) as table
select
    0 as pos,
    'system' as role,
    prompt.content,
    null as reasoning,
    null as tool_name,
    null as tool_call,
    null as finish_reason,
    null as n_tokens,
    prompt.id as message_id
from thread_version as thread
inner join system_prompt_version as prompt on prompt.id = thread.system_prompt_id
where thread.id = cast(version as uuid)

union all

select
    mentioned.pos,
    message.role,
    message.content,
    message.reasoning,
    message.tool_name,
    message.tool_call,
    message.finish_reason,
    message.n_tokens,
    message.id
from thread_messages(version) as mentioned
inner join message_version as message on message.id = mentioned.message_id
order by pos;
