-- Calls of every function of ours, one statement a line: each with arguments that mean somebody else's things. Words for what an
-- argument is called; else a value of its type.
with words(name, type, value) as (values
  ('environment', 'text', '''test'''), ('subject_type', 'text', '''user'''), ('subject_id', 'text', '''victim'''), ('subject', 'text', '''victim'''),
  ('kind', 'text', '''orders'''), ('as_', 'text', '''admin'''), ('secret', 'text', '''whsec_planted'''), ('user_id', 'text', '''victim'''),
  ('reference', 'text', '''cs_hidden'''), ('price_or_product', 'text', '''price_c'''), ('mode', 'text', '''payment'''),
  ('success_url', 'text', '''https://a.example'''), ('cancel_url', 'text', '''https://a.example'''), ('role', 'text', '''postgres'''),
  ('caller', 'text', '''postgres'''), ('caller', 'name', '''postgres'''), ('owner', 'oid', '10'), ('key', 'text', '''hidden_key'''),
  ('approved_by', 'text', '''mallory'''), ('stripe_account_id', 'text', '''acct_mallory'''), ('event_id', 'text', '''evt_hidden'''), ('source', 'text', '''hidden_source'''),
  ('role', 'regrole', '''postgres'''), ('customer_email', 'text', 'null'), ('idempotency_key', 'text', 'null'), ('metadata', 'jsonb', '''{}'''),
  ('line_items', 'jsonb', '''[{"price":"price_c","quantity":1}]'''), ('relation', 'text', '''payments.checkout_sessions'''), ('predicate', 'text', '''public.customer(text)'''),
  ('', 'text', '''victim'''), ('', 'name', '''victim'''), ('', 'regrole', '''mallory_role'''), ('', 'regclass', '''public.orders'''), ('', 'regprocedure', '''public.customer(text)'''),
  ('', 'jsonb', '''{"id":"evt_planted","object":"event","type":"customer.deleted","created":1952000063,"livemode":false,"data":{"object":{"id":"cus_hidden","object":"customer","deleted":true}}}'''),
  ('', 'json', '''{"id":"evt_planted","object":"event","type":"customer.deleted","created":1952000063,"livemode":false,"data":{"object":{"id":"cus_hidden","object":"customer","deleted":true}}}'''),
  ('', 'uuid', '''00000000-0000-0000-0000-00000000000b'''), ('', 'integer', '1'), ('', 'bigint', '-5'), ('', 'boolean', 'true'), ('', 'oid', '''public.orders''::regclass::oid'),
  ('', 'interval', '''0'''), ('', 'text[]', 'array[''victim'']'), ('', 'bytea', '''x'''), ('', 'name[]', 'array[''victim'']'), ('', 'smallint', '1'), ('', '"char"', '''x'''),
  ('', 'timestamp with time zone', '''2020-01-01''')
), arguments as (
  select p.oid, a.place, format_type(t.type, null) as type, p.proargnames[a.place] as name, p.pronargs
    from pg_proc p cross join lateral unnest(p.proargtypes::oid[]) with ordinality as t(type, place)
    cross join lateral (select t.place::int) a(place)
   where p.pronamespace = 'payments'::regnamespace
), valued as (
  select a.oid, a.place, coalesce(
           (select w.value from words w where w.name = a.name and w.type = a.type limit 1),
           (select w.value from words w where w.name = '' and w.type = a.type limit 1), 'null') || '::' || a.type as value
    from arguments a
), variants as (
  select p.oid, p.prokind, p.proname, v.variant,
         coalesce((select string_agg(case v.variant when 2 then regexp_replace(a.value, '^''(user|victim|test)''', '''mallory''')
                                                     when 3 then 'null::' || format_type(p.proargtypes[a.place - 1], null) else a.value end, ', ' order by a.place)
                     from valued a where a.oid = p.oid), '') as args
    from pg_proc p cross join (values (1), (2), (3)) v(variant)
   where p.pronamespace = 'payments'::regnamespace and p.prokind = 'f'
)
select distinct format('select * from payments.%I(%s);', v.proname, v.args) from variants v order by 1;
