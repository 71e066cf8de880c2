-- The highest id that begins with the same instant as another: see first_id.
-- in:  version (or lineage; UUID or text)
-- out: UUID
-- e.g. select last_id('019b0000-0000-8000-8000-000000000008') as last_id

create or replace macro last_id(version) as
    cast(left(cast(cast(version as uuid) as varchar), 13) || '-ffff-ffff-ffffffffffff' as uuid);
