-- Each chosen conversation as one row with `head`, followed by one row for each of its messages.
select
    candidate.place,
    0 as pos,
    {
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
    } as head,
    null as role,
    null as content,
    null as reasoning,
    null as tool_name,
    null as tool_call_id,
    null as tool_call,
    null as extra,
    null as n_tokens
from candidate
inner join llm_config_version as config on config.id = candidate.llm_config_id
left join system_prompt_version as prompt on prompt.id = candidate.system_prompt_id
where candidate.reason is null

union all

select
    mention.place,
    mention.pos,
    null,
    said.role,
    said.content,
    said.reasoning,
    said.tool_name,
    said.tool_call_id,
    said.tool_call::varchar,
    said.extra::varchar,
    said.n_tokens
from mention
inner join candidate on candidate.place = mention.place and candidate.reason is null
inner join message_version as said on said.id = mention.message_id
order by place, pos
