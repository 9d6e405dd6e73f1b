-- upsert_facts: stores facts. The fact of a backfill replaces that of an earlier backfill.
-- $1 environment text, $2 object_ids, $3 event_ids, $4 object types, $5 group_ids, $6 customers, $7 subscriptions,
-- $8 keys text[] (each the text of an array), $9 statements json[]
insert into payments.facts as f
  (environment, object_id, event_id, object_type, group_id, stripe_customer_id, stripe_subscription_id, keys, statement)
select $1, n.object_id, n.event_id, n.object_type, n.group_id, n.customer, n.subscription, n.keys::pg_catalog.text[], n.statement
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as object_id, pg_catalog.unnest($3::pg_catalog.text[]) as event_id,
               pg_catalog.unnest($4::pg_catalog.text[]) as object_type, pg_catalog.unnest($5::pg_catalog.text[]) as group_id,
               pg_catalog.unnest($6::pg_catalog.text[]) as customer, pg_catalog.unnest($7::pg_catalog.text[]) as subscription,
               pg_catalog.unnest($8::pg_catalog.text[]) as keys, pg_catalog.unnest($9::pg_catalog.json[]) as statement) as n
on conflict (environment, object_id, event_id) do update
   set group_id = excluded.group_id,
       stripe_customer_id = excluded.stripe_customer_id,
       stripe_subscription_id = excluded.stripe_subscription_id,
       keys = excluded.keys,
       statement = excluded.statement;

-- upsert_recovered: stores which session this one was recovered from.
-- $1 environment text, $2 stripe_checkout_session_id text, $3 recovered_from text
insert into payments.recovered_sessions (environment, stripe_checkout_session_id, recovered_from)
values ($1, $2, $3)
on conflict (environment, stripe_checkout_session_id) do nothing;

-- subjects_of_customers: the subjects of mapped customers (JSON objects). $1 environment text, $2 customers text[]
select pg_catalog.json_build_object('of', m.stripe_customer_id, 'subject_type', m.subject_type,
                                    'subject_id', m.subject_id)::pg_catalog.text
  from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) any ($2);

-- subjects_of_subscriptions: the subjects in the metadata of subscriptions (JSON objects).
-- $1 environment text, $2 subscriptions text[], $3 metadata prefixes text[]
select pg_catalog.json_build_object('of', s.stripe_subscription_id, 'subject_type', said.subject_type,
                                    'subject_id', said.subject_id)::pg_catalog.text
  from payments.subscriptions s
 cross join lateral (
   select s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_type') as subject_type,
          s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_id') as subject_id
     from pg_catalog.unnest($3) with ordinality as p (prefix, place)
    where (s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_type')) operator(pg_catalog.<>) ''
      and (s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_id')) operator(pg_catalog.<>) ''
    order by p.place
    limit 1) as said
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) any ($2);
