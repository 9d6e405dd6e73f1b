-- find_open_fulfillments: what to try again, by source and kind. $1 environment or null text
select pg_catalog.json_build_object('environment', f.environment, 'source', f.source, 'kind', f.kind)::pg_catalog.text
  from payments.fulfillments f
 where f.state operator(pg_catalog.=) any (array['needs_review', 'failed']) and ($1 is null or (f.environment operator(pg_catalog.=) $1) is true)
 group by f.environment, f.source, f.kind
 order by f.source, f.kind;

-- count_open_fulfillments: how many things still need a person or another try. $1 environment or null text
select pg_catalog.count(*)::pg_catalog.text from payments.fulfillments f
 where f.state operator(pg_catalog.=) any (array['needs_review', 'failed']) and ($1 is null or (f.environment operator(pg_catalog.=) $1) is true);

-- delete_skipped_fulfillments: deletes what was skipped, so that a purchase is decided on as if it were new. $1 environment, $2 source text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.state operator(pg_catalog.=) 'skipped'
   and (f.item operator(pg_catalog.=) 'nothing' or pg_catalog.starts_with(f.item, 'undecided:'));

-- delete_unknown_goods: the same for a purchase that waited for Stripe's line items. $1 environment, $2 source text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.item operator(pg_catalog.=) 'line_items'
   and f.benefit_source is null;

-- find_referenced_sessions: the local sessions that an id names: Stripe's, its payment intent's or their own.
-- $1 environment or null, $2 reference text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.id)::pg_catalog.text
  from payments.checkout_sessions s
 where s.id operator(pg_catalog.=) any (
         select o.id from payments.checkout_sessions o where o.stripe_checkout_session_id operator(pg_catalog.=) $2
         union all
         select o.id from payments.checkout_sessions o where o.stripe_payment_intent_id operator(pg_catalog.=) $2
         union all
         select case when pg_catalog.regexp_replace($2, '^checkout:', '') operator(pg_catalog.~) '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                     then pg_catalog.regexp_replace($2, '^checkout:', '')::pg_catalog.uuid end)
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.id;

-- find_sessions_of_order: the local one-time sessions that name an order; a person asks, so all of them are read.
-- $1 environment or null, $2 order id text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.id)::pg_catalog.text
  from payments.checkout_sessions s
 where (s.metadata operator(pg_catalog.->>) 'order_id') operator(pg_catalog.=) $2
   and s.mode operator(pg_catalog.=) 'payment'
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.id;

-- find_referenced_subscriptions: the subscription that an id names, in each environment.
-- $1 environment or null, $2 reference text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::pg_catalog.text
  from payments.subscriptions s
 where s.stripe_subscription_id operator(pg_catalog.=) pg_catalog.regexp_replace($2, '^subscription:', '')
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.environment;

-- find_subscriptions: the subscriptions of an environment. $1 environment text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.stripe_subscription_id,
                                    'subject_type', s.subject_type, 'subject_id', s.subject_id)::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true
 order by s.stripe_subscription_id;
