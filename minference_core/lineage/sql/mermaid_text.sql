-- Any text as it may stand inside the quotes of a Mermaid label: one line, at most 40 characters.
-- in:  said
-- out: text in which Mermaid reads no quote, tag, entity, directive or Markdown
-- e.g. select mermaid_text('He said: "*no*" #1') as label

-- '#' goes first, since it begins every code that follows.
create or replace macro mermaid_text(said) as (
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        regexp_replace(
            case when length(said) > 40 then left(said, 39) || '…' else said end,
            '[\s\x00-\x1f\x7f]+', ' ', 'g'
        ),
    '#', '#35;'), '"', '#34;'), '&', '#38;'), '<', '#60;'), '>', '#62;'), '`', '#96;'),
    '\', '#92;'), '%', '#37;'), ':', '#58;'), '*', '#42;'), '_', '#95;')
);
