-- The part of an id that tells it from its neighbours, for people: the first half is only the time.
-- in:  version (UUID or text)
-- out: eight hexadecimal digits

create or replace macro short_id(version) as right(cast(version as varchar), 8);
