-- Every version of everything: what all kinds have in common.
-- out: kind (ChatThread, ChatMessage, SystemPrompt, LLMConfig, CallableTool, StructuredTool, Usage, a user's own
--      class), id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
-- e.g. select kind, count(*) as versions, count(distinct lineage_id) as things
--      from entity_version
--      group by all
--      order by all

create or replace view entity_version as
select 'ChatThread' as kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from thread_version
union all
select 'ChatMessage', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from message_version
union all
select 'SystemPrompt', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from system_prompt_version
union all
select 'LLMConfig', id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from llm_config_version
union all
select kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from tool_version
union all
select kind, id, lineage_id, parent_id, version_no, created_at, content_hash, mat_id
from other_version
union all  -- a reply's usage stands in the row of its message
select
  'Usage', (beside ->> '$.usage.id')::uuid, (beside ->> '$.usage.lineage_id')::uuid, null, 1, created_at, null, mat_id
from message_version
where beside ->> '$.usage.id' is not null;
