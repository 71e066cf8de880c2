-- Versions of threads whose messages do not follow from their parent's and their own.
with history as (
    select
        child.id,
        child.parent_id,
        child.keep_n,
        child.n_messages,
        child.new_message_ids,
        child.message_ids,
        parent.n_messages as parent_n,
        parent.message_ids as parent_ids,
        parent.lineage_id <> child.lineage_id as is_anothers
    from thread_version as child
    left join thread_version as parent on parent.id = child.parent_id
)

select
    id,
    case
        when keep_n > 0 and parent_id is null then printf('keeps %d messages and has no parent', keep_n)
        when keep_n > 0 and is_anothers then printf('keeps %d messages of a parent in another lineage', keep_n)
        when keep_n > parent_n then printf('keeps %d messages of a parent that has %d', keep_n, parent_n)
        when n_messages <> keep_n + len(new_message_ids)
            then printf('keeps %d messages and adds %d, but counts %d', keep_n, len(new_message_ids), n_messages)
        when len(message_ids) <> n_messages
            then printf('counts %d messages and lists %d', n_messages, len(message_ids))
        when message_ids[keep_n + 1:] <> new_message_ids then 'lists other messages than it adds'
        else 'lists other messages than its parent has'
    end as what
from history
where
    (keep_n > 0 and parent_id is null)
    or (keep_n > 0 and is_anothers)
    or keep_n > parent_n
    or n_messages <> keep_n + len(new_message_ids)
    or len(message_ids) <> n_messages
    or message_ids[keep_n + 1:] <> new_message_ids
    or message_ids[:keep_n] <> parent_ids[:keep_n]
