-- find_subscriptions: the subscriptions of an environment. $1 environment text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true
 order by s.stripe_subscription_id
