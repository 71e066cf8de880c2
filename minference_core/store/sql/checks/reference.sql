-- Rows that refer to one that is not there.
select refers.id, printf('{column} %s is not in {target}', refers.reference::varchar) as what
from (select {name} as id, {reference} as reference from {table} {condition}) as refers
anti join {target} as found on found.id = refers.reference
{or_other}
where refers.reference is not null
