-- The part of an id that tells it from its neighbours, for people: the first half is only the time.
-- in:  version (UUID or text)
-- out: eight hexadecimal digits
-- e.g. select short_id('019b0000-0000-8000-8000-000000000008') as short_id

create or replace macro short_id(version) as right(cast(version as varchar), 8);
