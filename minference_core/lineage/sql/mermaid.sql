-- The tree of a lineage as a Mermaid diagram, for a page that draws it.
-- in:  lineage (of any kind; UUID or text)
-- out: the diagram's text, one line for each version and one for each step; null if there is no such lineage
-- e.g. select mermaid((select lineage_id from thread_current where thread_key = 'refund')) as drawing

create or replace macro mermaid(lineage) as (
    with node as (
        select
            entity.kind,
            entity.id,
            entity.parent_id,
            entity.version_no,
            entity.created_at,
            coalesce(thread.new_message, thread.name, message.content, prompt.content, config.model, tool.name) as said
        from born_with(lineage) as entity
        -- The lineage again: it tells each table where to look, and that it need not look at all.
        left join thread_version as thread
            on thread.id = entity.id and thread.lineage_id = cast(lineage as uuid)
        left join message_version as message
            on message.id = entity.id and message.lineage_id = cast(lineage as uuid)
        left join system_prompt_version as prompt
            on prompt.id = entity.id and prompt.lineage_id = cast(lineage as uuid)
        left join llm_config_version as config
            on config.id = entity.id and config.lineage_id = cast(lineage as uuid)
        left join tool_version as tool
            on tool.id = entity.id and tool.lineage_id = cast(lineage as uuid)
        where entity.lineage_id = cast(lineage as uuid)
    ),

    drawn as (
        select
            node.*,
            'v' || replace(cast(node.id as varchar), '-', '') as name,
            'v' || replace(cast(parent.id as varchar), '-', '') as parent_name
        from node
        left join node as parent on parent.id = node.parent_id
    )

    select
        'graph TD' || chr(10) || string_agg(
            '  ' || name || '["' || kind || ' v' || version_no || ' ' || short_id(id)
            || coalesce('<br/>' || mermaid_text(said), '') || '"]'
            || coalesce(chr(10) || '  ' || parent_name || ' --> ' || name, ''),
            chr(10) order by version_no, created_at, id
        )
    from drawn
    having count(*) > 0
);
