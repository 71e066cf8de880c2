-- Conversations that stopped: the last attempt of their last request failed, or nobody knows how it ended.
-- out: dataset, partition_key, thread_key, sample, lineage_id, thread_id (the version that was sent), client,
--      model, generation, turn, step, attempts, error_class, error_message, status_code, sent_at, run_id

create or replace view failures as
with ranked as (
    select
        *,
        count(*) over (partition by lineage_id, request_key) as attempts,
        row_number() over (
            partition by lineage_id
            order by generation desc, turn desc, step desc, sent_at desc, attempt desc
        ) as back
    from exchange
)

select
    dataset,
    partition_key,
    thread_key,
    sample,
    lineage_id,
    in_thread_id as thread_id,
    client,
    model,
    generation,
    turn,
    step,
    attempts,
    coalesce(error_class, 'uncertain') as error_class,
    error_message,
    status_code,
    sent_at,
    run_id
from ranked
where back = 1 and (error_class is not null or (uncertain and out_thread_id is null));
