-- find_sessions: the local rows that may be those of Stripe checkout sessions, of each the best first, and whether one was recovered
-- from another session or another from it: then of no row (JSON objects).
-- First the row that has its id. Else the row that its metadata names, unless a backend recorded another id there. A session that has the
-- row only because its metadata names it can lose it to one that takes precedence.
-- $1 environment text, $2 stripe_checkout_session_ids, $3 ids that their metadata names, $4 modes text[]
select pg_catalog.json_build_object('of', n.session, 'row', found.row)::pg_catalog.text
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as session, pg_catalog.unnest($3::pg_catalog.text[]) as named,
               pg_catalog.unnest($4::pg_catalog.text[]) as mode) as n
 cross join lateral (
   select pg_catalog.json_build_object('id', s.id, 'subject_type', s.subject_type, 'subject_id', s.subject_id,
                                       'line_items', s.line_items, 'holder', null, 'by_name', false) as row
     from payments.checkout_sessions s
    where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) n.session
   union all
   select pg_catalog.json_build_object('id', o.id, 'subject_type', o.subject_type, 'subject_id', o.subject_id,
                                       'line_items', o.line_items, 'holder', o.stripe_checkout_session_id, 'by_name', true)
     from payments.checkout_sessions o
    where (o.environment operator(pg_catalog.=) $1) is true and o.mode operator(pg_catalog.=) n.mode
      and (o.stripe_checkout_session_id is null or o.stripe_checkout_session_id operator(pg_catalog.=) o.claimed_by_session)
      and o.id operator(pg_catalog.=) case
            when n.named operator(pg_catalog.~) '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
            then n.named::pg_catalog.uuid end
   union all
   select null::pg_catalog.json
     from payments.recovered_sessions r
    where (r.environment operator(pg_catalog.=) $1) is true and r.stripe_checkout_session_id operator(pg_catalog.=) n.session
   union all
   select null::pg_catalog.json
     from payments.recovered_sessions r
    where (r.environment operator(pg_catalog.=) $1) is true and r.recovered_from operator(pg_catalog.=) n.session) as found (row);

-- settle_sessions: updates local sessions, each by Stripe's newest snapshot of it, where it differs, and tells which (JSON strings).
-- An open session overwrites no later state. A session gets a row that its metadata names only if the row has no session, or one that got it
-- the same way; then all values of that one are replaced. The same holds for a session that was recovered from the recorded one.
-- $1 environment text, $2 ids, $3 stripe_checkout_session_ids, $4 statuses, $5 payment_statuses,
-- $6 stripe_customer_ids, $7 stripe_payment_intent_ids, $8 stripe_subscription_ids,
-- $9 those that had them, $10 those that were recorded, where others were recovered from them text[]
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
       client_secret = case when n.status operator(pg_catalog.=) 'open'
                             and s.stripe_checkout_session_id operator(pg_catalog.=) n.stripe_checkout_session_id
                            then s.client_secret end,
       last_error = case when n.status operator(pg_catalog.=) 'completed' then null else s.last_error end
  from (
    select o.id, g.holder,
           g.session as stripe_checkout_session_id,
           case when o.stripe_checkout_session_id operator(pg_catalog.=) g.session then o.claimed_by_session
                when g.recorded is null then g.session end as claimed_by_session,
           case when g.recorded operator(pg_catalog.<>) g.session then g.recorded end as recovered_from,
           case when g.holder is null and g.status operator(pg_catalog.=) 'open' and o.status operator(pg_catalog.<>) 'initialized'
                then o.status else g.status end as status,
           coalesce(g.payment_status, o.payment_status) as payment_status,
           coalesce(g.customer, case when g.holder is null then o.stripe_customer_id end) as stripe_customer_id,
           coalesce(g.payment_intent, case when g.holder is null then o.stripe_payment_intent_id end) as stripe_payment_intent_id,
           coalesce(g.subscription, case when g.holder is null then o.stripe_subscription_id end) as stripe_subscription_id
      from (select pg_catalog.unnest($2::pg_catalog.text[]) as id, pg_catalog.unnest($3::pg_catalog.text[]) as session,
                   pg_catalog.unnest($4::pg_catalog.text[]) as status, pg_catalog.unnest($5::pg_catalog.text[]) as payment_status,
                   pg_catalog.unnest($6::pg_catalog.text[]) as customer, pg_catalog.unnest($7::pg_catalog.text[]) as payment_intent,
                   pg_catalog.unnest($8::pg_catalog.text[]) as subscription, pg_catalog.unnest($9::pg_catalog.text[]) as holder,
                   pg_catalog.unnest($10::pg_catalog.text[]) as recorded) as g
      join payments.checkout_sessions o on o.id operator(pg_catalog.=) g.id::pg_catalog.uuid
       and (o.environment operator(pg_catalog.=) $1) is true) n
 where s.id operator(pg_catalog.=) n.id
   and coalesce(s.stripe_checkout_session_id, n.stripe_checkout_session_id)
       operator(pg_catalog.=) any (array[n.stripe_checkout_session_id, n.holder])
   and row(s.stripe_checkout_session_id, s.status, s.payment_status, s.stripe_customer_id, s.stripe_payment_intent_id,
        s.stripe_subscription_id)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(n.stripe_checkout_session_id, n.status, n.payment_status, n.stripe_customer_id, n.stripe_payment_intent_id,
        n.stripe_subscription_id)
returning pg_catalog.to_json(s.id)::pg_catalog.text;

-- review_unlinked: asks for a review of a paid session of a subscription that names a row with several lines only by its
-- client_reference_id, which its payer may have chosen.
-- $1 environment text, $2 stripe_checkout_session_id text, $3 its client_reference_id text
insert into payments.fulfillments (environment, source, kind, target_table, item, state, reason)
select $1, 'session:' operator(pg_catalog.||) $2, 'checkout_sessions', 'payments.checkout_sessions', o.id::pg_catalog.text, 'needs_review',
       pg_catalog.format('%s names the checkout session %s by client_reference_id alone, which a payer may choose, so that what was bought there '
                         'once gives nothing: if it is that one''s, pass it to payments.record_stripe_response(''%s'', …)',
                         $2, o.id, o.id)
  from payments.checkout_sessions o
 where (o.environment operator(pg_catalog.=) $1) is true
   and o.id operator(pg_catalog.=) case
         when $3 operator(pg_catalog.~) '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
         then $3::pg_catalog.uuid end
   and o.mode operator(pg_catalog.=) 'subscription' and pg_catalog.jsonb_array_length(o.line_items) operator(pg_catalog.>) 1
on conflict (environment, source, kind, target_table, item) do nothing;

-- delete_unlinked: deletes that review. $1 environment text, $2 stripe_checkout_session_id text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true
   and f.source operator(pg_catalog.=) ('session:' operator(pg_catalog.||) $2) collate pg_catalog."C"
   and f.kind operator(pg_catalog.=) 'checkout_sessions';
