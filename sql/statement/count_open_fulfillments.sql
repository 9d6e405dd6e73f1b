-- count_open_fulfillments: how many things still need a person or another try. $1 environment or null text
select pg_catalog.count(*)::text from payments.fulfillments f
 where f.state in ('needs_review'::text, 'failed'::text) and ($1 is null or f.environment is not distinct from $1)
