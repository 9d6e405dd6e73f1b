-- find_subscriptions_of_subject: what decides a subject's billing status, a row each. $1 subject type, $2 subject id text
select pg_catalog.json_build_object(
  'environment', s.environment,
  'id', s.stripe_subscription_id,
  'status', s.status,
  'current_period_end', (extract(epoch from s.current_period_end) * 1000000)::bigint,
  'cancel_at', (extract(epoch from s.cancel_at) * 1000000)::bigint,
  'cancel_at_period_end', s.cancel_at_period_end)::text
  from payments.subscriptions s
 where s.subject_type = $1 and s.subject_id = $2 and s.environment is not distinct from (select payments.counted_environment())
