-- Conversations that ended early, counted by why.
-- out: dataset, partition_key, error_class, client, model, threads, attempts (at what ended them), first_at, last_at,
--      last_message (what was said last)
-- e.g. select error_class, sum(threads) as threads, max(last_message) as for_instance
--      from failures_by_class
--      group by all
--      order by all

create or replace view failures_by_class as
select
    dataset,
    partition_key,
    error_class,
    client,
    model,
    count(*) as threads,
    sum(attempts) as attempts,
    min(sent_at) as first_at,
    max(sent_at) as last_at,
    arg_max(error_message, (sent_at, thread_id)) as last_message
from failures
group by dataset, partition_key, error_class, client, model;
