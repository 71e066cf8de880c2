-- Candidates that are not at their end: something is still to be said, or a call has not been followed up.
update candidate set reason = 'unfinished'
where reason is null and place not in (
    select candidate.place
    from (select place, arg_max(message_id, pos) as message_id from mention group by place) as last_of
    inner join candidate on candidate.place = last_of.place
    inner join llm_config_version as config on config.id = candidate.llm_config_id
    inner join message_version as said on said.id = last_of.message_id
    where candidate.new_message is null and case config.response_format
        when 'auto_tools' then said.role = 'assistant' and said.tool_name is null
        when 'workflow' then coalesce(candidate.workflow_step, 0) >= len(candidate.tool_ids)
        when 'tool' then said.role in ('assistant', 'tool')
        else said.role = 'assistant'
    end
)
