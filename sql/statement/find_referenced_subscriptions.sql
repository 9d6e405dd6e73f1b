-- find_referenced_subscriptions: the subscription that an id names, in each environment. $1 environment or null, $2 reference text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::pg_catalog.text
  from payments.subscriptions s
 where s.stripe_subscription_id operator(pg_catalog.=) pg_catalog.regexp_replace($2, '^subscription:', '')
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.environment
