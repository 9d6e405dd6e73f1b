-- subjects_of_subscriptions: whom subscriptions' metadata names (JSON objects). $1 environment text, $2 subscriptions text[],
-- $3 metadata prefix text
select pg_catalog.json_build_object('of', s.stripe_subscription_id,
                                    'subject_type', s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_type'),
                                    'subject_id', s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_id'))::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) any ($2)
   and (s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_type')) operator(pg_catalog.<>) ''
   and (s.metadata operator(pg_catalog.->>) ($3 operator(pg_catalog.||) 'subject_id')) operator(pg_catalog.<>) ''
