-- Two branches side by side: a partition and the fork of it, two forks, or two generations of a partition. Conversations
-- that go back to the same one are in one row. Of several forks of it the first stands beside the first, and so on, and
-- those that are too many stand alone; where a side has only one, it stands beside each.
-- in:  a, b (dataset/partition for what is current there, dataset/partition@generation for one generation)
-- out: thread_key, sample, origin (the lineage that both go back to), a_thread_id, b_thread_id, a_model, b_model,
--      a_reply, b_reply (the last message), same (whether they are alike; null where one is missing), a_error, b_error,
--      a_completion_tokens, b_completion_tokens, a_cost_usd, b_cost_usd (of all attempts of that generation)
-- e.g. select thread_key, a_reply, b_reply, same, b_cost_usd
--      from compare('sales/2026-01-03', 'sales/german')

create or replace macro compare(a, b) as table
with recursive asked as (
    select
        side,
        split_part(split_part(said, '@', 1), '/', 1) as dataset,
        substr(split_part(said, '@', 1), instr(said, '/') + 1) as partition_key,
        cast(nullif(split_part(said, '@', 2), '') as integer) as generation
    from (values ('a', cast(a as varchar)), ('b', cast(b as varchar))) as named (side, said)
),

version as materialized (
    select
        id, lineage_id, parent_id, version_no, created_at, dataset, partition_key, thread_key, sample, generation,
        llm_config_id, coalesce(message_ids[-1], new_message_ids[-1]) as last_message_id
    from thread_version
    where (dataset, partition_key) in (select (dataset, partition_key) from asked)
),

head as (
    select thread_head.lineage_id, unnest(arg_max(
        {'id': thread_id, 'error_class': error_class}, (sequence, moved_at, mat_id, thread_id)
    ))
    from thread_head
    where thread_head.lineage_id in (select lineage_id from version)
    group by thread_head.lineage_id
),

branch as (
    select asked.side, version.*, head.error_class, false as is_generation
    from asked
    inner join version using (dataset, partition_key)
    inner join head on head.id = version.id
    where asked.generation is null

    union all

    select asked.side, version.*, null, true
    from asked
    inner join version using (dataset, partition_key, generation)
    qualify row_number() over (
        partition by asked.side, version.lineage_id order by version.version_no desc, version.created_at desc, version.id desc
    ) = 1
),

-- A fork's first version comes from a version in another lineage.
origin as (
    select lineage_id, lineage_id as origin, 0 as depth
    from version
    group by lineage_id

    union all

    select origin.lineage_id, forked.lineage_id, origin.depth + 1
    from origin
    inner join thread_version as first on first.lineage_id = origin.origin and first.version_no <= 1
    inner join thread_version as forked on forked.id = first.parent_id and forked.lineage_id <> first.lineage_id
),

spent as (
    select
        lineage_id,
        generation,
        sum(completion_tokens) as completion_tokens,
        sum(cost_usd) as cost_usd,
        arg_max({'error_class': error_class}, (sent_at, attempt)).error_class as error_class
    from exchange
    where (dataset, partition_key) in (select (dataset, partition_key) from asked)
    group by lineage_id, generation
),

told as (
    select
        branch.side,
        branch.thread_key,
        branch.sample,
        traced.origin,
        branch.id as thread_id,
        config.model,
        message.content as reply,
        coalesce(branch.error_class, case when branch.is_generation then spent.error_class end) as error,
        spent.completion_tokens,
        spent.cost_usd,
        row_number() over (
            partition by branch.side, traced.origin order by branch.thread_key, branch.sample, branch.lineage_id
        ) as place,
        count(*) over (partition by branch.side, traced.origin) as places
    from branch
    inner join (
        select lineage_id, arg_max(origin, depth) as origin from origin group by lineage_id
    ) as traced using (lineage_id)
    inner join llm_config_version as config on config.id = branch.llm_config_id
    left join message_version as message on message.id = branch.last_message_id
    left join spent on spent.lineage_id = branch.lineage_id and spent.generation = branch.generation
)

select
    coalesce(one.thread_key, other.thread_key) as thread_key,
    coalesce(one.sample, other.sample) as sample,
    coalesce(one.origin, other.origin) as origin,
    one.thread_id as a_thread_id,
    other.thread_id as b_thread_id,
    one.model as a_model,
    other.model as b_model,
    one.reply as a_reply,
    other.reply as b_reply,
    one.reply = other.reply as same,
    one.error as a_error,
    other.error as b_error,
    one.completion_tokens as a_completion_tokens,
    other.completion_tokens as b_completion_tokens,
    one.cost_usd as a_cost_usd,
    other.cost_usd as b_cost_usd
from (from told where side = 'a') as one
full join (from told where side = 'b') as other
    on one.origin = other.origin and (one.place = other.place or one.places = 1 or other.places = 1)
order by thread_key, sample, origin;
