-- The messages of each chosen conversation in order, what is true of all of it with the first. That is JSON, and there
-- is no union, as DuckDB sorts neither lists nor what comes from two places on disk: all of it had to fit into memory.
select
    mention.place,
    case when mention.pos = 1 then to_json({
        'thread_id': candidate.thread_id::varchar,
        'lineage_id': candidate.lineage_id::varchar,
        'split': candidate.split,
        'dataset': candidate.dataset,
        'partition_key': candidate.partition_key,
        'thread_key': candidate.thread_key,
        'sample': candidate.sample,
        'generation': candidate.generation,
        'client': config.client,
        'model': config.model,
        'error_class': candidate.error_class,
        'meta': candidate.meta::varchar,
        'system_prompt': prompt.content,
        'tool_ids': cast(
            case
                when config.response_format = 'tool' and candidate.forced_output_id is not null
                    then list_distinct(list_append(candidate.tool_ids, candidate.forced_output_id))
                else candidate.tool_ids
            end as varchar[]
        )
    })::varchar end as head,
    said.role,
    said.content,
    said.reasoning,
    said.tool_name,
    said.tool_call_id,
    said.tool_call::varchar as tool_call,
    said.extra::varchar as extra,
    said.n_tokens
from mention
inner join candidate on candidate.place = mention.place and candidate.reason is null
inner join message_version as said on said.id = mention.message_id
inner join llm_config_version as config on config.id = candidate.llm_config_id
left join system_prompt_version as prompt on prompt.id = candidate.system_prompt_id and mention.pos = 1
order by mention.place, mention.pos
