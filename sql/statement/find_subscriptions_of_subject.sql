-- find_subscriptions_of_subject: what decides a subject's billing status, a row each. $1 subject type, $2 subject id text
select pg_catalog.json_build_object(
  'environment', s.environment,
  'id', s.stripe_subscription_id,
  'status', s.status,
  'current_period_end', (extract(epoch from s.current_period_end) operator(pg_catalog.*) 1000000)::bigint,
  'cancel_at', (extract(epoch from s.cancel_at) operator(pg_catalog.*) 1000000)::bigint,
  'cancel_at_period_end', s.cancel_at_period_end)::pg_catalog.text
  from payments.subscriptions s
 where s.subject_type operator(pg_catalog.=) $1 and s.subject_id operator(pg_catalog.=) $2
   and (s.environment operator(pg_catalog.=) (select payments.effective_environment())) is true
