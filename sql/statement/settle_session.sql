-- settle_session: moves a local session to what Stripe's newest word of it is, where it differs.
-- An open session takes nothing back. One that has the row because it names it has it from nobody, or from the one that had it so,
-- of which nothing stays. So does one that was recovered from the one that was recorded. $1 environment text, $2 id text,
-- $3 what is said text (JSON), $4 the one that had it text, $5 the one that was recorded, where others were recovered from it text
with said as materialized (
  select r.* from pg_catalog.jsonb_to_record($3::pg_catalog.jsonb) as r (
    stripe_checkout_session_id pg_catalog.text, status pg_catalog.text, payment_status pg_catalog.text, stripe_customer_id pg_catalog.text,
    stripe_payment_intent_id pg_catalog.text, stripe_subscription_id pg_catalog.text)
), now_is as (
  select s.id,
         said.stripe_checkout_session_id,
         case when s.stripe_checkout_session_id operator(pg_catalog.=) said.stripe_checkout_session_id then s.claimed_by_session
              when $5 is null then said.stripe_checkout_session_id end as claimed_by_session,
         case when $5 operator(pg_catalog.<>) said.stripe_checkout_session_id then $5 end as recovered_from,
         case when $4 is null and said.status operator(pg_catalog.=) 'open' and s.status operator(pg_catalog.<>) 'initialized'
              then s.status else said.status end as status,
         coalesce(said.payment_status, s.payment_status) as payment_status,
         coalesce(said.stripe_customer_id, case when $4 is null then s.stripe_customer_id end) as stripe_customer_id,
         coalesce(said.stripe_payment_intent_id, case when $4 is null then s.stripe_payment_intent_id end) as stripe_payment_intent_id,
         coalesce(said.stripe_subscription_id, case when $4 is null then s.stripe_subscription_id end) as stripe_subscription_id
    from payments.checkout_sessions s, said
   where s.id operator(pg_catalog.=) $2::pg_catalog.uuid and (s.environment operator(pg_catalog.=) $1) is true
)
update payments.checkout_sessions s
   set updated_at = pg_catalog.now(),
       stripe_checkout_session_id = n.stripe_checkout_session_id,
       claimed_by_session = n.claimed_by_session,
       recovered_from = n.recovered_from,
       status = n.status,
       payment_status = n.payment_status,
       stripe_customer_id = n.stripe_customer_id,
       stripe_payment_intent_id = n.stripe_payment_intent_id,
       stripe_subscription_id = n.stripe_subscription_id,
       last_error = case when n.status operator(pg_catalog.=) 'completed' then null else s.last_error end
  from now_is n
 where s.id operator(pg_catalog.=) n.id
   and coalesce(s.stripe_checkout_session_id, n.stripe_checkout_session_id) operator(pg_catalog.=) any (array[n.stripe_checkout_session_id, $4])
   and row(s.stripe_checkout_session_id, s.status, s.payment_status, s.stripe_customer_id, s.stripe_payment_intent_id,
        s.stripe_subscription_id)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(n.stripe_checkout_session_id, n.status, n.payment_status, n.stripe_customer_id, n.stripe_payment_intent_id,
        n.stripe_subscription_id)
