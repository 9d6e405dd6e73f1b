-- find_open_fulfillments: what to try again, by source and kind. $1 environment or null text
select pg_catalog.json_build_object('environment', f.environment, 'source', f.source, 'kind', f.kind)::pg_catalog.text
  from payments.fulfillments f
 where f.state operator(pg_catalog.=) any (array['needs_review', 'failed']) and ($1 is null or (f.environment operator(pg_catalog.=) $1) is true)
 group by f.environment, f.source, f.kind
 order by f.source, f.kind
