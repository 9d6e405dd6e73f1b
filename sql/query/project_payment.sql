-- upsert_fact: what one object says of a payment; a back-fill's word replaces the back-fill's before it.
-- $1 environment text, $2 object_id text, $3 event_id text, $4 object_type text, $5 group_id text, $6
-- stripe_customer_id text,
-- $7 stripe_subscription_id text, $8 keys text[], $9 statement json
insert into payments.facts as f
  (environment, object_id, event_id, object_type, group_id, stripe_customer_id, stripe_subscription_id, keys, statement)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (environment, object_id, event_id) do update
   set group_id = excluded.group_id,
       stripe_customer_id = excluded.stripe_customer_id,
       stripe_subscription_id = excluded.stripe_subscription_id,
       keys = excluded.keys,
       statement = excluded.statement;

-- upsert_recovered: which session Stripe made this one of.
-- $1 environment text, $2 stripe_checkout_session_id text, $3 recovered_from text
insert into payments.recovered_sessions (environment, stripe_checkout_session_id, recovered_from)
values ($1, $2, $3)
on conflict (environment, stripe_checkout_session_id) do nothing;

-- subjects_of_customers: whom customers' mappings name (JSON objects). $1 environment text, $2 customers text[]
select pg_catalog.json_build_object('of', m.stripe_customer_id, 'subject_type', m.subject_type,
                                    'subject_id', m.subject_id)::pg_catalog.text
  from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) any ($2);

-- subjects_of_subscriptions: whom subscriptions' metadata names (JSON objects).
-- $1 environment text, $2 subscriptions text[],
-- $3 metadata prefix text
select pg_catalog.json_build_object('of', s.stripe_subscription_id,
                                    'subject_type', s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_type'),
                                    'subject_id', s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_id'))::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) any ($2)
   and (s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_type')) operator(pg_catalog.<>) ''
   and (s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_id')) operator(pg_catalog.<>) '';
