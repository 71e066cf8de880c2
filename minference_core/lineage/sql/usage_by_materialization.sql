-- Tokens and dollars by the materialization that recorded them first, and model.
-- out: dataset, partition_key, generation, run_id, code_version, committed_at, mat_id, client, model, simulated,
--      requests, attempts, failed_attempts, prompt_tokens, completion_tokens, total_tokens, cost_usd
-- e.g. select run_id, generation, model, attempts, total_tokens, cost_usd from usage_by_materialization order by all

create or replace view usage_by_materialization as
select
    made.dataset,
    made.partition_key,
    made.generation,
    made.run_id,
    made.code_version,
    made.committed_at,
    made.mat_id,
    exchange.client,
    exchange.model,
    exchange.simulated,
    count(distinct (exchange.lineage_id, exchange.request_key)) as requests,
    count(*) as attempts,
    count(exchange.error_class) as failed_attempts,
    coalesce(sum(exchange.prompt_tokens), 0) as prompt_tokens,
    coalesce(sum(exchange.completion_tokens), 0) as completion_tokens,
    coalesce(sum(exchange.total_tokens), 0) as total_tokens,
    sum(exchange.cost_usd) as cost_usd
from exchange
inner join materialization as made on made.mat_id = exchange.mat_id
where exchange.reused_from is null -- what was taken over was sent, used and paid for elsewhere
group by all;
