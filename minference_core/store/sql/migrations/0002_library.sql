-- Room for what programs save through the library: every field of every kind of entity, users' own included.

alter table thread_version add column extra json;
alter table message_version add column extra json;
alter table message_version add column beside json;
alter table message_version add column refs json;
alter table system_prompt_version add column extra json;
alter table llm_config_version alter column model drop not null;
alter table tool_version add column extra json;
alter table materialization alter column dataset drop not null;

create table other_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    kind varchar not null,
    module varchar not null,
    record json not null using compression zstd,
    beside json,
    refs json
);
comment on table other_version is 'Everything else that has versions, users'' own kinds included: one row per immutable version.';
comment on column other_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column other_version.lineage_id is 'All versions of one thing share it.';
comment on column other_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column other_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column other_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column other_version.content_hash is 'The same for equal content, whatever its history.';
comment on column other_version.mat_id is 'The materialization that first recorded it.';
comment on column other_version.kind is 'The name of its class.';
comment on column other_version.module is 'The Python module that defined the class when it was saved.';
comment on column other_version.record is 'Its fields by name, those at their default left out; another version in it is its id.';
comment on column other_version.beside is 'Facts that are no part of the id; null if there are none.';
comment on column other_version.refs is 'JSON pointers to the ids of versions in record and beside; null if there are none.';

comment on column thread_version.dataset is 'The dataset whose thread spec asked for the conversation; null if a program that uses the library holds it.';
comment on column thread_version.extra is 'Every other field that is set, by name; null if none is.';
comment on column message_version.tool_call is 'The arguments of the call; of the first, if there are several.';
comment on column message_version.extra is 'Every other field that is set, by name; null if none is.';
comment on column message_version.beside is 'Where it was said first and what it cost, which are no part of the id; null for a dataset''s messages, whose exchanges say it.';
comment on column message_version.refs is 'JSON pointers to the ids of versions in extra and beside; null if there are none.';
comment on column system_prompt_version.extra is 'Every other field that is set, by name; null if none is.';
comment on column llm_config_version.model is 'The model''s name as it was asked for; null if none is set yet.';
comment on column tool_version.extra is 'Every other field that is set, by name; null if none is.';
comment on table materialization is 'One row per materialization of a partition''s versions, and one per session of a program that saves to the store through the library.';
comment on column materialization.mat_id is 'From what was materialized: the same inputs and code give the same id. A session''s is its own.';
comment on column materialization.dataset is 'The dataset; null for a session.';
comment on column materialization.asset_key is 'The Dagster asset; library for a session.';
comment on column materialization.partition_key is 'The partition of the dataset; the day a session began, UTC.';
comment on column materialization.generation is 'The latest generation of answers in it; 0 for a session.';
comment on column materialization.run_id is 'The run that made it first; the process of a session.';
comment on column materialization.committed_at is 'When it was made; when a session began.';
comment on column materialization.n_threads is 'How many conversations it covers; 0 for a session, which saves as it goes.';
comment on column materialization.n_exchanges is 'How many attempts it covers; 0 for a session.';
comment on table thread_head is 'A log: which version each materialization left as the current one of a dataset''s conversation. The view thread_current reads it.';
