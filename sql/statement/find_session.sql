-- find_session: the local rows that may be a Stripe checkout session's (JSON objects, the best first).
-- The one that carries its id, else those that it names, unless a backend recorded another id there: one that only named the row
-- itself holds it no longer than nobody stands before it. Its price where its line items name just one. $1 environment text,
-- $2 stripe_checkout_session_id text, $3 id that its metadata names text, $4 its client_reference_id text, $5 mode text
with found as (
  select s.id, s.subject_type, s.subject_id, s.line_items, null::text as holder, 0 as place
    from payments.checkout_sessions s
   where s.environment is not distinct from $1 and s.stripe_checkout_session_id = $2
  union all
  select s.id, s.subject_type, s.subject_id, s.line_items, s.holder, n.place
    from pg_catalog.unnest(array[$3, $4]) with ordinality as n (id, place)
   cross join lateral (
     select o.id, o.subject_type, o.subject_id, o.line_items, o.stripe_checkout_session_id as holder
       from payments.checkout_sessions o
      where o.environment is not distinct from $1 and o.mode = $5
        and (o.stripe_checkout_session_id is null or o.stripe_checkout_session_id = o.named_by)
        and o.id = case when n.id ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'::text then n.id::uuid end
   ) as s
)
select pg_catalog.json_build_object(
         'id'::text, f.id, 'subject_type'::text, f.subject_type, 'subject_id'::text, f.subject_id, 'holder'::text, f.holder,
         'by_name'::text, f.place > 0,
         'price'::text, (select case when pg_catalog.count(*) = 1 then pg_catalog.min(coalesce(i.item ->> 'stripePriceId'::text, i.item ->> 'price'::text)) end
                     from pg_catalog.jsonb_array_elements(f.line_items) as i (item)))::text
  from found f
 order by f.place
