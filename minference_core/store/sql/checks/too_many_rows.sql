-- Materializations with more rows in all tables than their segments brought.
with brought as (
    select mat_id, sum(n_rows) as n_rows
    from segment
    group by mat_id
),

there as (
    select mat_id, sum(n_rows) as n_rows
    from ({counts})
    group by mat_id
)

select brought.mat_id as id, printf('its segments brought %d rows, the tables have %d', brought.n_rows, there.n_rows) as what
from brought
inner join there on there.mat_id = brought.mat_id
where there.n_rows > brought.n_rows
