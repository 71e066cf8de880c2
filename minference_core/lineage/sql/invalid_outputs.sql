-- Answers that came but cannot be used as they are, with what was answered.
-- out: dataset, partition_key, thread_key, sample, lineage_id, in_thread_id, out_message_id, client, model,
--      generation, turn, step, attempt, error_class, error_message, finish_reason, content (as far as it
--      could be read), response_body, sent_at, exchange_id
-- e.g. select thread_key, turn, error_class, error_message, finish_reason, content from invalid_outputs order by thread_key

create or replace view invalid_outputs as
select
    exchange.dataset,
    exchange.partition_key,
    exchange.thread_key,
    exchange.sample,
    exchange.lineage_id,
    exchange.in_thread_id,
    exchange.out_message_id,
    exchange.client,
    exchange.model,
    exchange.generation,
    exchange.turn,
    exchange.step,
    exchange.attempt,
    exchange.error_class,
    exchange.error_message,
    exchange.finish_reason,
    message.content,
    exchange.response_body,
    exchange.sent_at,
    exchange.id as exchange_id
from exchange
left join message_version as message on message.id = exchange.out_message_id
where exchange.error_class in ('undecodable', 'refusal', 'truncated', 'invalid_output');
