-- Heads that stand on a version of another conversation.
select head.thread_id as id, 'is the current version of a conversation that is not its own' as what
from thread_head as head
inner join thread_version as version on version.id = head.thread_id
where version.lineage_id <> head.lineage_id
