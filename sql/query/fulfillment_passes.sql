-- find_passes: the passes of one holder and key that were not taken back (JSON objects).
-- $1 holder, $2 key, $3 target table, $4 environment text
select pg_catalog.json_build_object(
         'source', f.source, 'duration', f.duration::pg_catalog.text,
         'paid_at', (extract(epoch from f.paid_at) operator(pg_catalog.*) 1000000)::bigint,
         'starts_at', (extract(epoch from f.starts_at) operator(pg_catalog.*) 1000000)::bigint,
         'expires_at', (extract(epoch from f.expires_at) operator(pg_catalog.*) 1000000)::bigint)::pg_catalog.text
  from payments.fulfillments f
 where f.holder operator(pg_catalog.=) $1 and f.item operator(pg_catalog.=) $2 and f.target_table operator(pg_catalog.=) $3
   and f.kind operator(pg_catalog.=) 'user_entitlements' and (f.environment operator(pg_catalog.=) $4) is true;

-- move_passes: updates the terms of passes in the decisions.
-- $1 sources, $2 keys, $3 target tables, $4 environments text[], $5 starts_at, $6 expires_at timestamptz[]
update payments.fulfillments f
   set starts_at = r.starts_at, expires_at = r.expires_at, updated_at = pg_catalog.now()
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as source, pg_catalog.unnest($2::pg_catalog.text[]) as key,
               pg_catalog.unnest($3::pg_catalog.text[]) as target_table, pg_catalog.unnest($4::pg_catalog.text[]) as environment,
               pg_catalog.unnest($5::pg_catalog.timestamptz[]) as starts_at,
               pg_catalog.unnest($6::pg_catalog.timestamptz[]) as expires_at) as r
 where f.source operator(pg_catalog.=) r.source and f.source operator(pg_catalog.=) any ($1::pg_catalog.text[])
   and f.kind operator(pg_catalog.=) 'user_entitlements' and f.target_table operator(pg_catalog.=) r.target_table
   and f.item operator(pg_catalog.=) r.key and (f.environment operator(pg_catalog.=) r.environment) is true;

-- move_entitlements: the same in the app's table. A row that the app has deleted stays deleted.
-- $1 sources, $2 keys text[], $3 starts_at, $4 expires_at timestamptz[]
-- The key is compared in a form that no index can serve: planned on an empty table, an index on keys would look as good as one on
-- sources.
update {target} as e
   set {expires_at} = r.expires_at
     , {starts_at} = r.starts_at
     , {updated_at} = pg_catalog.now()
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as source, pg_catalog.unnest($2::pg_catalog.text[]) as key,
               pg_catalog.unnest($3::pg_catalog.timestamptz[]) as starts_at,
               pg_catalog.unnest($4::pg_catalog.timestamptz[]) as expires_at) as r
 where e.{source} operator(pg_catalog.=) r.source and e.{source} operator(pg_catalog.=) any ($1::pg_catalog.text[])
   and pg_catalog.concat(e.{key}) operator(pg_catalog.=) r.key;
