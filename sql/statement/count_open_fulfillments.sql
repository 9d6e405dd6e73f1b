-- count_open_fulfillments: how many things still need a person or another try. $1 environment or null text
select pg_catalog.count(*)::pg_catalog.text from payments.fulfillments f
 where f.state operator(pg_catalog.=) any (array['needs_review', 'failed']) and ($1 is null or (f.environment operator(pg_catalog.=) $1) is true)
