-- Every version that was born in the same instant as another one: the same partition's, or the same thing's. The versions
-- of its lineage are among them, and no more of the store than that is read.
-- in:  version (or lineage, of any kind; UUID or text)
-- out: the columns of entity_version
-- e.g. select kind, count(*) as versions
--      from born_with((select id from thread_current where thread_key = 'refund'))
--      group by all
--      order by all

create or replace macro born_with(version) as table
select 'ChatThread' as kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from thread_version
where id between first_id(version) and last_id(version)
union all
select 'ChatMessage', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from message_version
where id between first_id(version) and last_id(version)
union all
select 'SystemPrompt', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from system_prompt_version
where id between first_id(version) and last_id(version)
union all
select 'LLMConfig', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from llm_config_version
where id between first_id(version) and last_id(version)
union all
select kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from tool_version
where id between first_id(version) and last_id(version)
union all
select kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from other_version
where id between first_id(version) and last_id(version)
union all  -- a reply's usage stands in the row of its message, and is born with it
select
    'Usage', cast(beside ->> '$.usage.id' as uuid), cast(beside ->> '$.usage.lineage_id' as uuid), null, 1, created_at,
    null, mat_id
from message_version
where id between first_id(version) and last_id(version) and beside ->> '$.usage.id' is not null;
