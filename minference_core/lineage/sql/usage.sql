-- What every attempt used and cost, with all that one may want to add it up by: one row for each attempt that was sent.
-- What was taken over from another conversation is not among them: it was sent, used and paid for there.
-- out: dataset, partition_key, thread_key, sample, generation, run_id, code_version, day and hour (UTC, when sent), client,
--      model, resolved_model, service_tier, simulated, price_id, turn, step, attempt, status_code, error_class,
--      finish_reason, uncertain, system_prompt_id, llm_config_id, tool_ids (offered), forced_output_id, tool_called (the
--      first that the answer calls), meta, prompt_tokens, completion_tokens, cached_tokens, cache_creation_tokens,
--      reasoning_tokens, total_tokens, cost_usd (null when no price is known), provider_cost_usd, seconds (until the answer
--      was there), sent_at, finished_at, lineage_id, in_thread_id, out_thread_id, out_message_id, request_key, exchange_id,
--      mat_id
-- e.g. select run_id, tool_called, count(*) as attempts, sum(total_tokens) as tokens, sum(cost_usd) as dollars
--      from usage
--      group by all
--      order by all

create or replace view usage as
select
    exchange.dataset,
    exchange.partition_key,
    exchange.thread_key,
    exchange.sample,
    exchange.generation,
    exchange.run_id,
    made.code_version,
    cast(exchange.sent_at as date) as day,
    date_trunc('hour', exchange.sent_at) as hour,
    exchange.client,
    exchange.model,
    exchange.resolved_model,
    exchange.service_tier,
    exchange.simulated,
    exchange.price_id,
    exchange.turn,
    exchange.step,
    exchange.attempt,
    exchange.status_code,
    exchange.error_class,
    exchange.finish_reason,
    exchange.uncertain,
    asked.system_prompt_id,
    asked.llm_config_id,
    asked.tool_ids,
    asked.forced_output_id,
    reply.tool_name as tool_called,
    asked.meta,
    exchange.prompt_tokens,
    exchange.completion_tokens,
    exchange.cached_tokens,
    exchange.cache_creation_tokens,
    exchange.reasoning_tokens,
    exchange.total_tokens,
    exchange.cost_usd,
    exchange.provider_cost_usd,
    epoch(exchange.finished_at - exchange.sent_at) as seconds,
    exchange.sent_at,
    exchange.finished_at,
    exchange.lineage_id,
    exchange.in_thread_id,
    exchange.out_thread_id,
    exchange.out_message_id,
    exchange.request_key,
    exchange.id as exchange_id,
    exchange.mat_id
from exchange
left join thread_version as asked on asked.id = exchange.in_thread_id
left join message_version as reply on reply.id = exchange.out_message_id
left join materialization as made on made.mat_id = exchange.mat_id
where exchange.reused_from is null and exchange.attempt > 0;
