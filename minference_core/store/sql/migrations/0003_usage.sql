-- What providers say of an answer beside its tokens: predictions, audio, tier, their own price.

alter table exchange add column accepted_prediction_tokens integer;
alter table exchange add column rejected_prediction_tokens integer;
alter table exchange add column audio_tokens integer;
alter table exchange add column prompt_audio_tokens integer;
alter table exchange add column service_tier varchar;
alter table exchange add column provider_cost_usd decimal(18, 9);

comment on column exchange.accepted_prediction_tokens is 'Output tokens that a given prediction saved.';
comment on column exchange.rejected_prediction_tokens is 'Output tokens of a given prediction that were billed and not used.';
comment on column exchange.audio_tokens is 'Output tokens that are audio.';
comment on column exchange.prompt_audio_tokens is 'Input tokens that are audio.';
comment on column exchange.service_tier is 'Which of its tiers the provider served it in.';
comment on column exchange.provider_cost_usd is 'What the provider itself says it cost, in dollars; null if it does not say.';
