-- The lowest id that begins with the same instant as another: with last_id, the range that holds its lineage and what
-- was born with it. A question that names the range reads only that part of a table, however large the table is.
-- in:  version (or lineage; UUID or text)
-- out: UUID
-- e.g. select first_id('019b0000-0000-8000-8000-000000000008') as first_id

create or replace macro first_id(version) as
    cast(left(cast(cast(version as uuid) as varchar), 13) || '-0000-0000-000000000000' as uuid);
