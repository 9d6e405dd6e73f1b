-- find_subscriptions: the subscriptions of an environment. $1 environment text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::text
  from payments.subscriptions s
 where s.environment is not distinct from $1
 order by s.stripe_subscription_id
