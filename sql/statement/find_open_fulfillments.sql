-- find_open_fulfillments: what to try again, by source and kind. $1 environment or null text
select pg_catalog.json_build_object('environment', f.environment, 'source', f.source, 'kind', f.kind)::text
  from payments.fulfillments f
 where f.state in ('needs_review'::text, 'failed'::text) and ($1 is null or f.environment is not distinct from $1)
 group by f.environment, f.source, f.kind
 order by f.source, f.kind
