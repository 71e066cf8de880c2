-- What was asked or answered more than once in the very same words (and calls, and reasoning), each time as a message of
-- its own. A message that samples, branches and forks share is one message. Where it was used: threads_using(message).
-- out: role, content, messages (how many), message_ids (oldest first), first_at, last_at
-- e.g. select role, content, messages from duplicates order by all

create or replace view duplicates as
with repeated as (
    -- Without the texts: there may be more of them than memory holds.
    select
        role,
        list(id order by created_at, id) as message_ids,
        min(created_at) as first_at,
        max(created_at) as last_at
    from message_version
    group by role, content_hash
    having count(*) > 1
)

select
    repeated.role,
    message.content,
    len(repeated.message_ids) as messages,
    repeated.message_ids,
    repeated.first_at,
    repeated.last_at
from repeated
inner join message_version as message on message.id = repeated.message_ids[1];
