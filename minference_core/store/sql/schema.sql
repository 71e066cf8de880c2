-- The tables of the store. `tables.py` says the same in Arrow; a test holds the two together.
-- Append-only: nothing here is ever updated or deleted (content that is redacted, in a file made anew). No primary keys and no indexes: with ids that
-- begin with their time they cost space and insert time and gain no read (the fold keeps ids unique).
-- Times are UTC. zstd where the text is wide; it needs a file of storage version v1.5.0 or later.

create table store_info (
    key varchar not null,
    value varchar not null
);
comment on table store_info is 'What the fold knows of the file itself. Not of interest to queries.';
comment on column store_info.key is 'schema_version, store_id or definitions';
comment on column store_info.value is 'Its value, as text.';

create table thread_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    dataset varchar,
    partition_key varchar,
    thread_key varchar,
    sample integer,
    name varchar,
    system_prompt_id uuid,
    llm_config_id uuid not null,
    tool_ids uuid[] not null,
    forced_output_id uuid,
    keep_n integer not null,
    new_message_ids uuid[] not null,
    n_messages integer not null,
    message_ids uuid[],
    new_message varchar,
    use_history boolean not null,
    workflow_step integer,
    request_key uuid,
    generation integer not null,
    meta json,
    extra json
);
comment on table thread_version is 'Conversations: one row per immutable version. Its messages are parent.messages[1:keep_n] || new_message_ids; the macro thread_messages(id) resolves them.';
comment on column thread_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column thread_version.lineage_id is 'All versions of one thing share it.';
comment on column thread_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column thread_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column thread_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column thread_version.content_hash is 'The same for equal content, whatever its history.';
comment on column thread_version.mat_id is 'The materialization that first recorded it.';
comment on column thread_version.dataset is 'The dataset whose thread spec asked for the conversation; null if a program that uses the library holds it.';
comment on column thread_version.partition_key is 'The partition of the dataset.';
comment on column thread_version.thread_key is 'The thread spec: unique in its partition.';
comment on column thread_version.sample is 'Which of the conversations the spec asked for, from 0.';
comment on column thread_version.name is 'A name given by the user.';
comment on column thread_version.system_prompt_id is 'system_prompt_version.id';
comment on column thread_version.llm_config_id is 'llm_config_version.id';
comment on column thread_version.tool_ids is 'tool_version.id of every tool offered, in workflow order.';
comment on column thread_version.forced_output_id is 'tool_version.id of the one tool the reply must use.';
comment on column thread_version.keep_n is 'How many messages of the parent this version keeps; 0 for the first version of a lineage.';
comment on column thread_version.new_message_ids is 'message_version.id of what follows those kept.';
comment on column thread_version.n_messages is 'How many messages this version has in all.';
comment on column thread_version.message_ids is 'All of them: a cache, kept only while n_messages <= 64.';
comment on column thread_version.new_message is 'The user message about to be sent, if there is one.';
comment on column thread_version.use_history is 'Whether earlier messages are sent along.';
comment on column thread_version.workflow_step is 'Where in the workflow this version stands.';
comment on column thread_version.request_key is 'The request whose answer made this version; null if no request did.';
comment on column thread_version.generation is 'Which materialization''s worth of answers this version belongs to.';
comment on column thread_version.meta is 'The meta_* columns of the thread spec, as an object.';
comment on column thread_version.extra is 'Every other field that is set, by name; null if none is.';

create table message_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    role varchar not null,
    content varchar using compression zstd,
    reasoning varchar using compression zstd,
    tool_name varchar,
    tool_id uuid,
    tool_call_id varchar,
    tool_call json,
    finish_reason varchar,
    n_tokens integer,
    extra json,
    beside json,
    refs json
);
comment on table message_version is 'Messages: one row per immutable version, stored once however many threads share it.';
comment on column message_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column message_version.lineage_id is 'All versions of one thing share it.';
comment on column message_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column message_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column message_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column message_version.content_hash is 'The same for equal content, whatever its history.';
comment on column message_version.mat_id is 'The materialization that first recorded it.';
comment on column message_version.role is 'system, user, assistant or tool.';
comment on column message_version.content is 'What was said, verbatim; null when the message is only a tool call.';
comment on column message_version.reasoning is 'The thinking the model showed, where it shows any.';
comment on column message_version.tool_name is 'The tool called, or the one this is the result of.';
comment on column message_version.tool_id is 'tool_version.id of that tool.';
comment on column message_version.tool_call_id is 'The provider''s id of the call.';
comment on column message_version.tool_call is 'The arguments of the call; of the first, if there are several.';
comment on column message_version.finish_reason is 'Why the model stopped, in the provider''s words.';
comment on column message_version.n_tokens is 'Tokens of this message, as the provider counted them.';
comment on column message_version.extra is 'Every other field that is set, by name; null if none is.';
comment on column message_version.beside is 'Where it was said first and what it cost, which are no part of the id; null for a dataset''s messages, whose exchanges say it.';
comment on column message_version.refs is 'JSON pointers to the ids of versions in extra and beside; null if there are none.';

create table system_prompt_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    name varchar,
    content varchar not null using compression zstd,
    extra json
);
comment on table system_prompt_version is 'System prompts: one row per immutable version.';
comment on column system_prompt_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column system_prompt_version.lineage_id is 'All versions of one thing share it.';
comment on column system_prompt_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column system_prompt_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column system_prompt_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column system_prompt_version.content_hash is 'The same for equal content, whatever its history.';
comment on column system_prompt_version.mat_id is 'The materialization that first recorded it.';
comment on column system_prompt_version.name is 'A name given by the user.';
comment on column system_prompt_version.content is 'The prompt, verbatim.';
comment on column system_prompt_version.extra is 'Every other field that is set, by name; null if none is.';

create table llm_config_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    client varchar not null,
    model varchar,
    max_tokens integer not null,
    temperature double,
    response_format varchar not null,
    params json not null
);
comment on table llm_config_version is 'Model settings: one row per immutable version.';
comment on column llm_config_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column llm_config_version.lineage_id is 'All versions of one thing share it.';
comment on column llm_config_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column llm_config_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column llm_config_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column llm_config_version.content_hash is 'The same for equal content, whatever its history.';
comment on column llm_config_version.mat_id is 'The materialization that first recorded it.';
comment on column llm_config_version.client is 'openai, anthropic, vllm, litellm or openrouter.';
comment on column llm_config_version.model is 'The model''s name as it was asked for; null if none is set yet.';
comment on column llm_config_version.max_tokens is 'The longest reply allowed, in tokens.';
comment on column llm_config_version.temperature is 'Null: the provider''s default.';
comment on column llm_config_version.response_format is 'text, json_beg, json_object, structured_output, tool, auto_tools or workflow.';
comment on column llm_config_version.params is 'Every other setting that is set.';

create table tool_version (
    id uuid not null,
    lineage_id uuid not null,
    parent_id uuid,
    version_no integer not null,
    created_at timestamp not null,
    content_hash uuid not null,
    mat_id uuid not null,
    kind varchar not null,
    name varchar not null,
    description varchar,
    json_schema json not null,
    callable_text varchar,
    extra json
);
comment on table tool_version is 'Tools: one row per immutable version.';
comment on column tool_version.id is 'This version, for ever: its content, its parent and its lineage make it.';
comment on column tool_version.lineage_id is 'All versions of one thing share it.';
comment on column tool_version.parent_id is 'The version it came from; null for the first of its lineage.';
comment on column tool_version.version_no is 'Distance from the first version; branches repeat it.';
comment on column tool_version.created_at is 'When it came to be; the same however often it is made again.';
comment on column tool_version.content_hash is 'The same for equal content, whatever its history.';
comment on column tool_version.mat_id is 'The materialization that first recorded it.';
comment on column tool_version.kind is 'CallableTool or StructuredTool.';
comment on column tool_version.name is 'The name the model calls it by.';
comment on column tool_version.description is 'What the model is told about it.';
comment on column tool_version.json_schema is 'The JSON schema of its input, or of the structured output.';
comment on column tool_version.callable_text is 'The source of the function, for a CallableTool.';
comment on column tool_version.extra is 'Every other field that is set, by name; null if none is.';

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

create table exchange (
    id uuid not null,
    mat_id uuid not null,
    request_key uuid not null,
    dataset varchar not null,
    partition_key varchar not null,
    thread_key varchar not null,
    sample integer not null,
    lineage_id uuid not null,
    in_thread_id uuid not null,
    out_thread_id uuid,
    out_message_id uuid,
    turn integer not null,
    step integer not null,
    attempt integer not null,
    client varchar not null,
    model varchar not null,
    resolved_model varchar,
    provider_request_id varchar,
    url varchar not null,
    status_code integer,
    response_body varchar using compression zstd,
    error_class varchar,
    error_message varchar,
    finish_reason varchar,
    json_object json,
    sent_at timestamp not null,
    finished_at timestamp,
    prompt_tokens integer,
    completion_tokens integer,
    cached_tokens integer,
    cache_creation_tokens integer,
    reasoning_tokens integer,
    total_tokens integer,
    cost_usd decimal(18, 9),
    price_id varchar,
    simulated boolean not null,
    uncertain boolean not null,
    run_id varchar not null,
    generation integer not null,
    accepted_prediction_tokens integer,
    rejected_prediction_tokens integer,
    audio_tokens integer,
    prompt_audio_tokens integer,
    service_tier varchar,
    provider_cost_usd decimal(18, 9),
    reused_from uuid
);
comment on table exchange is 'One row per attempt to send a request, with its outcome, also when it failed. The request body follows from in_thread_id and is not kept.';
comment on column exchange.id is 'From the thread''s lineage, the request and the attempt: the same attempt has the same id for ever.';
comment on column exchange.mat_id is 'The materialization that first recorded it.';
comment on column exchange.request_key is 'Hash of everything that can change the answer; attempts of one request share it.';
comment on column exchange.dataset is 'The dataset whose thread spec asked for the conversation.';
comment on column exchange.partition_key is 'The partition of the dataset.';
comment on column exchange.thread_key is 'The thread spec: unique in its partition.';
comment on column exchange.sample is 'Which of the conversations the spec asked for, from 0.';
comment on column exchange.lineage_id is 'thread_version.lineage_id of the conversation.';
comment on column exchange.in_thread_id is 'thread_version.id that was sent.';
comment on column exchange.out_thread_id is 'thread_version.id that the answer made; null if it made none.';
comment on column exchange.out_message_id is 'message_version.id of the answer; null if there is none.';
comment on column exchange.turn is 'Which user message of the conversation this belongs to.';
comment on column exchange.step is 'Which model reply inside the turn; tool loops have several.';
comment on column exchange.attempt is 'Which sending of the request, from 1.';
comment on column exchange.client is 'openai, anthropic, vllm, litellm or openrouter.';
comment on column exchange.model is 'The model asked for.';
comment on column exchange.resolved_model is 'The model the provider says has answered.';
comment on column exchange.provider_request_id is 'The provider''s own id of the request, for its support.';
comment on column exchange.url is 'Where it was sent.';
comment on column exchange.status_code is 'The HTTP status; null if no answer came.';
comment on column exchange.response_body is 'The raw body, before any parsing.';
comment on column exchange.error_class is 'Why there is no complete, valid reply; null if there is one.';
comment on column exchange.error_message is 'The same for a reader.';
comment on column exchange.finish_reason is 'Why the model stopped, in the provider''s words.';
comment on column exchange.json_object is 'The structured output, validated.';
comment on column exchange.sent_at is 'When it was sent.';
comment on column exchange.finished_at is 'When the outcome was known; null if it never was.';
comment on column exchange.prompt_tokens is 'Input tokens in all, cached ones included.';
comment on column exchange.completion_tokens is 'Output tokens in all, reasoning included.';
comment on column exchange.cached_tokens is 'Input tokens read from the provider''s cache.';
comment on column exchange.cache_creation_tokens is 'Input tokens written to the provider''s cache.';
comment on column exchange.reasoning_tokens is 'Output tokens spent on thinking.';
comment on column exchange.total_tokens is 'Input and output.';
comment on column exchange.cost_usd is 'List price in dollars; null when the price is unknown.';
comment on column exchange.price_id is 'The price table the cost rests on.';
comment on column exchange.simulated is 'True when the local simulator answered: its dollars were never paid.';
comment on column exchange.uncertain is 'True when a crash left it unknown whether the provider answered.';
comment on column exchange.run_id is 'The run that sent it.';
comment on column exchange.generation is 'Which materialization''s worth of answers it belongs to.';
comment on column exchange.accepted_prediction_tokens is 'Output tokens that a given prediction saved.';
comment on column exchange.rejected_prediction_tokens is 'Output tokens of a given prediction that were billed and not used.';
comment on column exchange.audio_tokens is 'Output tokens that are audio.';
comment on column exchange.prompt_audio_tokens is 'Input tokens that are audio.';
comment on column exchange.service_tier is 'Which of its tiers the provider served it in.';
comment on column exchange.provider_cost_usd is 'What the provider itself says it cost, in dollars; null if it does not say.';
comment on column exchange.reused_from is 'exchange.id of the answer that was taken over, sent and paid for there; null if this one was sent.';

create table tool_run (
    id uuid not null,
    mat_id uuid not null,
    lineage_id uuid not null,
    in_thread_id uuid not null,
    turn integer not null,
    step integer not null,
    tool_call_id varchar,
    tool_id uuid,
    tool_name varchar not null,
    arguments json,
    result json,
    error varchar,
    started_at timestamp not null,
    duration_ms double not null,
    run_id varchar not null,
    generation integer not null
);
comment on table tool_run is 'One row per execution of a tool, with its outcome.';
comment on column tool_run.id is 'The same execution has the same id for ever.';
comment on column tool_run.mat_id is 'The materialization that first recorded it.';
comment on column tool_run.lineage_id is 'thread_version.lineage_id of the conversation.';
comment on column tool_run.in_thread_id is 'thread_version.id whose reply asked for it.';
comment on column tool_run.turn is 'Which user message of the conversation this belongs to.';
comment on column tool_run.step is 'Which model reply inside the turn.';
comment on column tool_run.tool_call_id is 'The provider''s id of the call.';
comment on column tool_run.tool_id is 'tool_version.id';
comment on column tool_run.tool_name is 'The name the model called.';
comment on column tool_run.arguments is 'What it was called with.';
comment on column tool_run.result is 'What it returned.';
comment on column tool_run.error is 'What went wrong; null if nothing did.';
comment on column tool_run.started_at is 'When it began.';
comment on column tool_run.duration_ms is 'How long it took, in milliseconds.';
comment on column tool_run.run_id is 'The run that executed it.';
comment on column tool_run.generation is 'Which materialization''s worth of answers it belongs to.';

create table materialization (
    mat_id uuid not null,
    dataset varchar,
    asset_key varchar not null,
    partition_key varchar not null,
    generation integer not null,
    run_id varchar not null,
    code_version varchar not null,
    committed_at timestamp not null,
    n_threads bigint not null,
    n_exchanges bigint not null
);
comment on table materialization is 'One row per materialization of a partition''s versions, and one per session of a program that saves to the store through the library.';
comment on column materialization.mat_id is 'From what was materialized: the same inputs and code give the same id. A session''s is its own.';
comment on column materialization.dataset is 'The dataset; null for a session.';
comment on column materialization.asset_key is 'The Dagster asset; library for a session.';
comment on column materialization.partition_key is 'The partition of the dataset; the day a session began, UTC.';
comment on column materialization.generation is 'The latest generation of answers in it; 0 for a session.';
comment on column materialization.run_id is 'The run that made it first; the process of a session.';
comment on column materialization.code_version is 'The version of the code that made it.';
comment on column materialization.committed_at is 'When it was made; when a session began.';
comment on column materialization.n_threads is 'How many conversations it covers; 0 for a session, which saves as it goes.';
comment on column materialization.n_exchanges is 'How many attempts it covers; 0 for a session.';

create table thread_head (
    lineage_id uuid not null,
    thread_id uuid not null,
    mat_id uuid not null,
    sequence integer not null,
    moved_at timestamp not null,
    error_class varchar
);
comment on table thread_head is 'A log: which version each materialization left as the current one of a dataset''s conversation. The view thread_current reads it.';
comment on column thread_head.lineage_id is 'thread_version.lineage_id';
comment on column thread_head.thread_id is 'thread_version.id that became current.';
comment on column thread_head.mat_id is 'The materialization that made it so.';
comment on column thread_head.sequence is 'How often the specs or the answers that count had changed by then; the highest wins.';
comment on column thread_head.moved_at is 'When the version was made; the latest of a sequence wins.';
comment on column thread_head.error_class is 'Why the conversation ended early; null if it is complete, or not yet asked.';

create table segment (
    segment_id varchar not null,
    mat_id uuid not null,
    n_rows bigint not null,
    folded_at timestamp not null
);
comment on table segment is 'Which segments are in the store: one that is, is never taken in again.';
comment on column segment.segment_id is 'The segment''s folder name.';
comment on column segment.mat_id is 'The materialization it is part of.';
comment on column segment.n_rows is 'How many rows it held, also those that were there already.';
comment on column segment.folded_at is 'When it was taken in.';

create table redaction (
    id uuid not null,
    in_table varchar not null,
    subject_id uuid not null,
    redacted_at timestamp not null,
    redacted_by varchar not null,
    reason varchar not null
);
comment on table redaction is 'A log: whose content was replaced by a tombstone, by whom and why. Ids and lineage stay; one row for each row that lost something.';
comment on column redaction.id is 'The id of the row that lost its content.';
comment on column redaction.in_table is 'The table that it is in.';
comment on column redaction.subject_id is 'The version that was to be redacted: itself, or the one that it held a copy of.';
comment on column redaction.redacted_at is 'When.';
comment on column redaction.redacted_by is 'By whom.';
comment on column redaction.reason is 'Why.';
