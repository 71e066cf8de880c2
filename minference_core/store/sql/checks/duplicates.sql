-- Keys that more than one row has.
select {first} as id, printf('%d rows have this key', count(*)) as what
from {table}
group by {keys}
having count(*) > 1
