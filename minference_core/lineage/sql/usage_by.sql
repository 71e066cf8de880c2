-- Tokens and dollars by anything: a column of usage, several in a struct, or whatever can be worked out from them.
-- in:  dimension (for instance model, {dataset, day}, or date_trunc('week', day))
-- out: dimension, requests, attempts, failed_attempts, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens,
--      total_tokens, cost_usd, unknown_price (attempts that used tokens at no known price)
-- e.g. select dimension, attempts, failed_attempts, total_tokens, cost_usd from usage_by({'model': model, 'day': day})

create or replace macro usage_by(dimension) as table
select
    dimension as dimension,
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
from usage
group by dimension
order by dimension;
