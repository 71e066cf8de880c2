-- Content that was taken out on purpose: the one change that a row may ever see.

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
