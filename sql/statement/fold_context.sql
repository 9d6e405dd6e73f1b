-- fold_context: whom subscriptions' metadata and customers' mappings name. $1 environment text, $2 subscriptions text[],
-- $3 customers text[], $4 metadata prefix text
select pg_catalog.json_build_object(
  'subscriptions'::text, (
    select coalesce(pg_catalog.json_object_agg(s.stripe_subscription_id, pg_catalog.json_build_object(
             'subject_type'::text, s.metadata ->> ($4 || 'subject_type'::text),
             'subject_id'::text, s.metadata ->> ($4 || 'subject_id'::text))), '{}'::json)
      from payments.subscriptions s
     where s.environment = $1 and s.stripe_subscription_id = any ($2)
       and s.metadata ->> ($4 || 'subject_type'::text) <> ''::text and s.metadata ->> ($4 || 'subject_id'::text) <> ''::text),
  'customers'::text, (
    select coalesce(pg_catalog.json_object_agg(m.stripe_customer_id, pg_catalog.json_build_object(
             'subject_type'::text, m.subject_type, 'subject_id'::text, m.subject_id)), '{}'::json)
      from payments.stripe_customer_mappings m
     where m.environment = $1 and m.stripe_customer_id = any ($3)))::text
