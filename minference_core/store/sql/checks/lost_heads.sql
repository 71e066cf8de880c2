-- Materializations of a dataset without the head of every conversation that they covered.
with heads as (
    select mat_id, count(*) as n_threads
    from thread_head
    group by mat_id
)

select
    made.mat_id as id,
    printf('it covered %d conversations, %d are here', made.n_threads, coalesce(heads.n_threads, 0)) as what
from materialization as made
left join heads on heads.mat_id = made.mat_id
where made.n_threads <> coalesce(heads.n_threads, 0)
