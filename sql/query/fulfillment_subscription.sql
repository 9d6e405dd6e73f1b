-- find_subscription: one subscription with its items and what it gave before. $1 environment, $2 Stripe's id text
select pg_catalog.json_build_object(
  'environment', $1::pg_catalog.text,
  'source', 'subscription:' operator(pg_catalog.||) $2,
  'refused', $1 operator(pg_catalog.=) 'test'
             and coalesce((select e.went_live_at is not null from payments.environments e where e.environment operator(pg_catalog.=) 'live'), false),
  'status', s.status,
  'subject_type', s.subject_type,
  'subject_id', s.subject_id,
  'is_collection_paused', s.pause_collection is not null,
  'cancel_at_period_end', s.cancel_at_period_end,
  'cancel_at', (extract(epoch from s.cancel_at) operator(pg_catalog.*) 1000000)::bigint,
  'items', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'price', i.stripe_price_id, 'product', i.stripe_product_id,
                     'starts_at', (extract(epoch from coalesce(i.current_period_start, s.current_period_start)) operator(pg_catalog.*) 1000000)::bigint,
                     'ends_at', (extract(epoch from coalesce(i.current_period_end, s.current_period_end)) operator(pg_catalog.*) 1000000)::bigint)
                                       order by i.stripe_subscription_item_id)
              from payments.subscription_items i
             where (i.environment operator(pg_catalog.=) $1) is true and i.stripe_subscription_id operator(pg_catalog.=) $2 and i.stripe_price_id is not null
               and s.id is not null),
  'prior', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'kind', f.kind, 'target_table', f.target_table, 'item', f.item, 'benefit_source', f.benefit_source))
              from payments.fulfillments f
             where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) ('subscription:' operator(pg_catalog.||) $2)
               and f.kind operator(pg_catalog.=) 'user_entitlements'),
  -- its checkout, if something was bought there that is not among the items, and nothing was decided on that. Also while there are no
  -- items yet, so that the payment's row is locked before the money of the subscription is reviewed
  'checkout', (select c.id
                 from payments.checkout_sessions c
                where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_subscription_id operator(pg_catalog.=) $2
                  and c.mode operator(pg_catalog.=) 'subscription' and c.status operator(pg_catalog.=) 'completed'
                  and exists (select from pg_catalog.jsonb_array_elements(c.line_items) as l (line)
                               where coalesce(l.line operator(pg_catalog.->>) 'stripePriceId', l.line operator(pg_catalog.->>) 'price')
                                     operator(pg_catalog.<>) all (array(
                                       select i.stripe_price_id from payments.subscription_items i
                                        where (i.environment operator(pg_catalog.=) $1) is true
                                          and i.stripe_subscription_id operator(pg_catalog.=) $2 and i.stripe_price_id is not null)))
                  and not exists (select from payments.fulfillments f
                                   where (f.environment operator(pg_catalog.=) $1) is true
                                     and f.source operator(pg_catalog.=) ('checkout:' operator(pg_catalog.||) c.id::pg_catalog.text)
                                     and f.kind operator(pg_catalog.=) any (array['user_entitlements', 'credit_ledger']))
                limit 1)
)::pg_catalog.text
  from (select 1) one
  left join payments.subscriptions s on (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) $2;

-- find_subjects_of_subscriptions: the subjects of subscriptions, a row each.
-- $1 environments, $2 Stripe's ids text[]
select pg_catalog.json_build_object('environment', s.environment, 'subject_type', s.subject_type, 'subject_id', s.subject_id)::pg_catalog.text
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as id) as c
  join payments.subscriptions s
    on s.stripe_subscription_id operator(pg_catalog.=) c.id and (s.environment operator(pg_catalog.=) c.environment) is true
 where s.subject_type is not null and s.subject_id is not null;

-- find_subscriptions_of_subject: what decides a subject's billing status, a row each.
-- $1 subject type, $2 subject id text
select pg_catalog.json_build_object(
  'environment', s.environment,
  'id', s.stripe_subscription_id,
  'status', s.status,
  'access_until', (case when a.until operator(pg_catalog.=) 'infinity'::pg_catalog.timestamptz then 9223372036854775807
                        else (extract(epoch from a.until) operator(pg_catalog.*) 1000000)::bigint end),
  'current_period_end', (extract(epoch from s.current_period_end) operator(pg_catalog.*) 1000000)::bigint,
  'cancel_at', (extract(epoch from s.cancel_at) operator(pg_catalog.*) 1000000)::bigint,
  'cancel_at_period_end', s.cancel_at_period_end)::pg_catalog.text
  from payments.subscriptions s
 -- kept apart, so that it is computed once
 cross join lateral (select payments.access_until(s.environment, s.stripe_subscription_id) as until
                       from (select 1) as one offset 0) a
 where s.subject_type operator(pg_catalog.=) $1 and s.subject_id operator(pg_catalog.=) $2
   and (s.environment operator(pg_catalog.=) (select payments.effective_environment())) is true;

-- update_billing_status: updates a subject's row.
-- $1 subject id, $2 subscription, $3 status text, $4 current_period_end, $5 cancel_at timestamptz, $6
-- cancel_at_period_end boolean, $7 environment text, $8 access_until timestamptz
update {target}
   set {stripe_subscription_id} = $2::pg_catalog.text
     , {status} = $3::{status:type}
     , {current_period_end} = $4::pg_catalog.timestamptz
     , {cancel_at} = $5::pg_catalog.timestamptz
     , {cancel_at_period_end} = $6::boolean
     , {environment} = $7::{environment:type}
     , {access_until} = $8::pg_catalog.timestamptz
     , {updated_at} = pg_catalog.now()
 where {team_id} operator(pg_catalog.=) $1::{team_id:type};

-- insert_billing_status: inserts a subject's row. Parameters as in update_billing_status
insert into {target} (
       {team_id}, {stripe_subscription_id}, {status}, {current_period_end}
     , {cancel_at}
     , {cancel_at_period_end}
     , {environment}
     , {access_until}
       )
values ($1::{team_id:type}, $2::pg_catalog.text, $3::{status:type},
       $4::pg_catalog.timestamptz
     , /* {cancel_at} */ $5::pg_catalog.timestamptz
     , /* {cancel_at_period_end} */ $6::boolean
     , $7::{environment:type}
     , /* {access_until} */ $8::pg_catalog.timestamptz
       );

-- find_billing_status: whether a subject has a row. $1 subject id text
select 'true'::pg_catalog.text from {target} where {team_id} operator(pg_catalog.=) $1::{team_id:type};

-- delete_billing_status: deletes the row of a subject without subscriptions. $1 subject id text
delete from {target} where {team_id} operator(pg_catalog.=) $1::{team_id:type};
