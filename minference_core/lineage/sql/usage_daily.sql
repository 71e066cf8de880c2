-- Tokens and dollars by day (UTC, when sent), client and model; the simulator's apart from what was paid.
-- out: day, client, model, simulated, requests, attempts, failed_attempts, prompt_tokens, completion_tokens, cached_tokens,
--      reasoning_tokens, total_tokens, cost_usd, unknown_price (attempts that used tokens at no known price)
-- e.g. select day, model, requests, attempts, failed_attempts, total_tokens, cost_usd from usage_daily order by all

create or replace view usage_daily as
select
    cast(sent_at as date) as day,
    client,
    model,
    simulated,
    count(distinct (lineage_id, request_key)) as requests,
    count(*) as attempts,
    count(error_class) as failed_attempts,
    coalesce(sum(prompt_tokens), 0) as prompt_tokens,
    coalesce(sum(completion_tokens), 0) as completion_tokens,
    coalesce(sum(cached_tokens), 0) as cached_tokens,
    coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
    coalesce(sum(total_tokens), 0) as total_tokens,
    sum(cost_usd) as cost_usd,
    count(*) filter (where total_tokens > 0 and cost_usd is null) as unknown_price
from exchange
where reused_from is null -- what was taken over was sent, used and paid for elsewhere
group by day, client, model, simulated;
