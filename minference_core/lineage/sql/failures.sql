-- Conversations that ended early: how the last attempt at their current version ended.
-- out: dataset, partition_key, thread_key, sample, lineage_id, thread_id (the current version), client,
--      model, generation, turn, step, attempts, error_class, error_message, status_code, sent_at, run_id
-- e.g. select thread_key, model, turn, attempts, error_class, error_message, status_code
--      from failures
--      order by thread_key

create or replace view failures as
with ranked as (
    select
        exchange.*,
        thread_current.id as thread_id,
        thread_current.error_class as ended,
        count(*) over (partition by exchange.lineage_id, exchange.request_key) as attempts,
        row_number() over (
            partition by exchange.lineage_id
            -- What was asked with other specs or tools has other versions; it counts where there is nothing else.
            order by
                coalesce(exchange.error_class = thread_current.error_class, false) desc,
                exchange.generation = thread_current.generation desc,
                thread_current.id in (exchange.in_thread_id, exchange.out_thread_id)
                    or coalesce(exchange.request_key = thread_current.request_key, false) desc,
                exchange.sent_at desc,
                exchange.attempt desc
        ) as back
    from thread_current
    inner join exchange on exchange.lineage_id = thread_current.lineage_id
    where thread_current.error_class is not null
)

select
    dataset,
    partition_key,
    thread_key,
    sample,
    lineage_id,
    thread_id,
    client,
    model,
    generation,
    turn,
    step,
    attempts,
    ended as error_class,
    case
        when ended = 'max_steps' then coalesce(error_message, 'not at its end after max_steps replies: raise it')
        else error_message
    end as error_message,
    status_code,
    sent_at,
    run_id
from ranked
where back = 1;
