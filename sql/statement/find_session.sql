-- find_session: the local rows that may be a Stripe checkout session's (the best first), and whether it was recovered from another
-- session or another from it (a JSON object).
-- The one that carries its id, else the one that its metadata names, unless a backend recorded another id there: one that only named
-- the row itself holds it no longer than nobody stands before it. Its price where its line items name just one. $1 environment text,
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
             from found f))::pg_catalog.text
