-- find_session: the local row of a Stripe checkout session.
-- The one that carries its id, else the one that it names, if that carries none yet; its price where its line items name just one. $1 environment text, $2 stripe_checkout_session_id text,
-- $3 id that the session names text, $4 mode text
select pg_catalog.json_build_object(
         'id'::text, s.id, 'subject_type'::text, s.subject_type, 'subject_id'::text, s.subject_id,
         'price'::text, (select case when pg_catalog.count(*) = 1 then pg_catalog.min(coalesce(i.item ->> 'stripePriceId'::text, i.item ->> 'price'::text)) end
                     from pg_catalog.jsonb_array_elements(s.line_items) as i (item)))::text
  from payments.checkout_sessions s
 where s.environment = $1 and s.stripe_checkout_session_id = $2
union all
select pg_catalog.json_build_object(
         'id'::text, s.id, 'subject_type'::text, s.subject_type, 'subject_id'::text, s.subject_id,
         'price'::text, (select case when pg_catalog.count(*) = 1 then pg_catalog.min(coalesce(i.item ->> 'stripePriceId'::text, i.item ->> 'price'::text)) end
                     from pg_catalog.jsonb_array_elements(s.line_items) as i (item)))::text
  from payments.checkout_sessions s
 where s.environment = $1 and s.mode = $4 and s.stripe_checkout_session_id is null
   and s.id = case when $3 ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'::text then $3::uuid end
