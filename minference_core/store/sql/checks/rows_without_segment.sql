-- Materializations whose rows are in a table although no segment of theirs is recorded.
select distinct mat_id as id, 'its rows are here, but no segment of it is recorded' as what
from {table}
where mat_id not in (select mat_id from segment)
