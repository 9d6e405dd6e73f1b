-- find_session: the local rows that may be a Stripe checkout session's (the best first), and whether it was recovered
-- from another
-- session or another from it (a JSON object).
-- The one that carries its id, else the one that its metadata names, unless a backend recorded another id there: one
-- that only named
-- the row itself holds it no longer than nobody stands before it. Its price where its line items name just one.
-- $1 environment text,
-- $2 stripe_checkout_session_id text, $3 id that its metadata names text, $4 mode text
with found as (
  select s.id, s.subject_type, s.subject_id, s.line_items, null::pg_catalog.text as holder, 0 as place
    from payments.checkout_sessions s
   where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) $2
  union all
  select o.id, o.subject_type, o.subject_id, o.line_items, o.stripe_checkout_session_id, 1
    from payments.checkout_sessions o
   where (o.environment operator(pg_catalog.=) $1) is true and o.mode operator(pg_catalog.=) $4
     and (o.stripe_checkout_session_id is null or o.stripe_checkout_session_id operator(pg_catalog.=) o.claimed_by_session)
     and o.id operator(pg_catalog.=) case
           when $3 operator(pg_catalog.~) '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
           then $3::pg_catalog.uuid end
)
select pg_catalog.json_build_object(
         'has_relatives',
         exists (select from payments.recovered_sessions r
                  where (r.environment operator(pg_catalog.=) $1) is true and r.stripe_checkout_session_id operator(pg_catalog.=) $2)
         or exists (select from payments.recovered_sessions r
                     where (r.environment operator(pg_catalog.=) $1) is true and r.recovered_from operator(pg_catalog.=) $2),
         'rows', (
           select pg_catalog.json_agg(pg_catalog.json_build_object(
                    'id', f.id, 'subject_type', f.subject_type, 'subject_id', f.subject_id, 'holder', f.holder,
                    'by_name', f.place operator(pg_catalog.>) 0,
                    'price', (select case when pg_catalog.count(*) operator(pg_catalog.=) 1 then pg_catalog.min(
                                       coalesce(i.item operator(pg_catalog.->>) 'stripePriceId', i.item operator(pg_catalog.->>) 'price')) end
                                from pg_catalog.jsonb_array_elements(f.line_items) as i (item))) order by f.place)
             from found f))::pg_catalog.text;

-- settle_session: moves a local session to what Stripe's newest word of it is, where it differs.
-- An open session takes nothing back. One that has the row because it names it has it from nobody, or from the one that
-- had it so,
-- of which nothing stays. So does one that was recovered from the one that was recorded.
-- $1 environment text, $2 id text,
-- $3 what is said text (JSON), $4 the one that had it text, $5 the one that was recorded, where others were recovered
-- from it text
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
        n.stripe_subscription_id);
