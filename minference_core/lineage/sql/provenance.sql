-- Where a version came from: the request and attempt that made it, and the run and partition that recorded it.
-- What a thread spec gave, and no request made, has nulls from turn to cost_usd and in run_id.
-- in:  version (of any kind; UUID or text)
-- out: kind, id, lineage_id, parent_id, created_at, dataset, partition_key, generation, thread_key, sample, turn,
--      step, attempt, request_key, exchange_id, client, model, resolved_model, provider_request_id, url,
--      status_code, error_class, finish_reason, sent_at, finished_at, prompt_tokens, completion_tokens, price_id,
--      cost_usd, run_id (that asked), reused_from (the exchange whose answer was taken over, and that paid for it),
--      recorded_by_run_id, code_version, recorded_at, mat_id
-- e.g. select kind, run_id, partition_key, generation, code_version, attempt, model, price_id, cost_usd
--      from provenance((select id from message_version where content = 'You get 40 dollars back.'))

create or replace macro provenance(version) as table
with made as (
    select * from exchange where out_thread_id = cast(version as uuid)
    union
    select * from exchange where out_message_id = cast(version as uuid)
    union
    -- A thread whose specs or tools have changed since has another id; the request that made it is the same.
    select exchange.*
    from thread_version
    inner join exchange
        on exchange.lineage_id = thread_version.lineage_id
        and exchange.request_key = thread_version.request_key
    where thread_version.id = cast(version as uuid) and exchange.out_thread_id is not null
)

select
    entity.kind,
    entity.id,
    entity.lineage_id,
    entity.parent_id,
    entity.created_at,
    coalesce(made.dataset, recorded.dataset) as dataset,
    coalesce(made.partition_key, recorded.partition_key) as partition_key,
    coalesce(made.generation, recorded.generation) as generation,
    coalesce(made.thread_key, thread.thread_key) as thread_key,
    coalesce(made.sample, thread.sample) as sample,
    made.turn,
    made.step,
    made.attempt,
    made.request_key,
    made.id as exchange_id,
    made.client,
    made.model,
    made.resolved_model,
    made.provider_request_id,
    made.url,
    made.status_code,
    made.error_class,
    made.finish_reason,
    made.sent_at,
    made.finished_at,
    made.prompt_tokens,
    made.completion_tokens,
    made.price_id,
    made.cost_usd,
    made.run_id,
    made.reused_from,
    recorded.run_id as recorded_by_run_id,
    recorded.code_version,
    recorded.committed_at as recorded_at,
    entity.mat_id
from born_with(version) as entity
left join thread_version as thread on thread.id = entity.id and thread.lineage_id = entity.lineage_id
left join made on true
left join materialization as recorded on recorded.mat_id = entity.mat_id
where entity.id = cast(version as uuid)
order by made.sent_at;
