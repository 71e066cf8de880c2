-- Answers that were taken over from another conversation that had asked the same.

alter table exchange add column reused_from uuid;

comment on column exchange.reused_from is 'exchange.id of the answer that was taken over, sent and paid for there; null if this one was sent.';
