-- recorded_sessions: the local rows that a backend recorded for these sessions of Stripe's (JSON objects): for which, and which one has the
-- row now; its price where its line items name just one. $1 environment text, $2 stripe_checkout_session_ids text[]
select pg_catalog.json_build_object(
         'recorded', coalesce(s.recovered_from, s.stripe_checkout_session_id), 'has_it', s.stripe_checkout_session_id,
         'id', s.id, 'subject_type', s.subject_type, 'subject_id', s.subject_id,
         'price', (select case when pg_catalog.count(*) operator(pg_catalog.=) 1 then pg_catalog.min(
                            coalesce(i.item operator(pg_catalog.->>) 'stripePriceId', i.item operator(pg_catalog.->>) 'price')) end
                     from pg_catalog.jsonb_array_elements(s.line_items) as i (item)))::pg_catalog.text
  from payments.checkout_sessions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
   and s.claimed_by_session is null
 order by s.id
