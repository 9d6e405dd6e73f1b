-- subjects_of_subscriptions: whom subscriptions' metadata names (JSON objects). $1 environment text, $2 subscriptions text[],
-- $3 metadata prefix text
select pg_catalog.json_build_object('of'::text, s.stripe_subscription_id,
                                    'subject_type'::text, s.metadata ->> ($3 || 'subject_type'::text),
                                    'subject_id'::text, s.metadata ->> ($3 || 'subject_id'::text))::text
  from payments.subscriptions s
 where s.environment is not distinct from $1 and s.stripe_subscription_id = any ($2)
   and s.metadata ->> ($3 || 'subject_type'::text) <> ''::text and s.metadata ->> ($3 || 'subject_id'::text) <> ''::text
