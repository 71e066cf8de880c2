-- Candidates with a reply that is no use: cut off, refused, or not what was asked for, even if it was mended.
update candidate set reason = 'invalid'
where reason is null and (
    list_contains($invalid, error_class) or place in (
        select mention.place
        from mention
        inner join message_version as said on said.id = mention.message_id
        where
            (said.role = 'user' and said.extra ->> '$.is_error' = 'true')
            or said.finish_reason in ('length', 'max_tokens', 'max_output_tokens', 'content_filter', 'refusal')

        union all

        select mention.place
        from mention
        inner join exchange on exchange.out_message_id = mention.message_id
        where list_contains($invalid, exchange.error_class)
    )
)
