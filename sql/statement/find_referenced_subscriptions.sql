-- find_referenced_subscriptions: the subscription that an id names, in each environment. $1 environment or null, $2 reference text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::text
  from payments.subscriptions s
 where s.stripe_subscription_id = pg_catalog.regexp_replace($2, '^subscription:'::text, ''::text)
   and ($1 is null or s.environment is not distinct from $1)
 order by s.environment
