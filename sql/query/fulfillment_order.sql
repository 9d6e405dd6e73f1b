-- find_rivals: the other payments that name an order (their ids as JSON strings).
-- $1 target table, $2 item, $3 source of this one text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.fulfillments f
  -- A source may have been written by hand.
  join payments.checkout_sessions s
    on s.id operator(pg_catalog.=) case when f.source operator(pg_catalog.~) '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                        then pg_catalog.substr(f.source, 10)::pg_catalog.uuid end
 cross join lateral (
   (select h.id from payments.payment_history h
     where (h.environment operator(pg_catalog.=) s.environment) is true and h.stripe_checkout_session_id operator(pg_catalog.=) s.stripe_checkout_session_id
       and h.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice']))
   union all
   (select h.id from payments.payment_history h
     where (h.environment operator(pg_catalog.=) s.environment) is true and h.stripe_payment_intent_id operator(pg_catalog.=) s.stripe_payment_intent_id
       and h.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice']))
   limit 1) p
 where f.kind operator(pg_catalog.=) 'orders' and f.target_table operator(pg_catalog.=) $1 and f.item operator(pg_catalog.=) $2
   and f.source operator(pg_catalog.<>) $3
 order by f.source;

-- lock_order: an order's row, locked. $1 its key
select pg_catalog.json_build_object(
{order_row})::pg_catalog.text
  from {target}
 where {id} operator(pg_catalog.=) $1::{id:type}
   for update;

-- lock_orders: orders' rows, locked, a row for each; those that somebody else has locked are left out.
-- $1 their keys text[]
select pg_catalog.json_build_object(
  'key', {id:text},
{order_row})::pg_catalog.text
  from {target}
 where {id} operator(pg_catalog.=) any ($1::{id:type}[])
   for update skip locked;

-- order_is_current: whether an order says already what write_order would write. Parameters as there
select 'true'::pg_catalog.text from {target}
 where {id} operator(pg_catalog.=) $1::{id:type}
   and coalesce({status:text} operator(pg_catalog.=) pg_catalog.concat($2::{status:type}), false)
   and coalesce({amount_refunded} operator(pg_catalog.=) $3::bigint, false)
   and coalesce({paid_at} operator(pg_catalog.=) $4::pg_catalog.timestamptz, {paid_at} is null and $4::pg_catalog.timestamptz is null)
   and coalesce({stripe_checkout_session_id} operator(pg_catalog.=) $5::pg_catalog.text, {stripe_checkout_session_id} is null and $5::pg_catalog.text is null)
   and coalesce({stripe_payment_intent_id} operator(pg_catalog.=) $6::pg_catalog.text, {stripe_payment_intent_id} is null and $6::pg_catalog.text is null);

-- write_orders: updates orders by their payments, where they differ.
-- $1 their keys, $2 statuses text[], $3 amounts refunded bigint[], $4 paid_at timestamptz[], $5 checkout sessions,
-- $6 payment intents text[]
-- Whatever join the planner chooses, it reads only the orders of $1.
update {target} as o
   set {status} = r.status
     , {amount_refunded} = r.amount_refunded
     , {paid_at} = r.paid_at
     , {stripe_checkout_session_id} = r.stripe_checkout_session_id
     , {stripe_payment_intent_id} = r.stripe_payment_intent_id
     , {updated_at} = pg_catalog.now()
  from (select pg_catalog.unnest($1::{id:type}[]) as key, pg_catalog.unnest($2::{status:type}[]) as status,
               pg_catalog.unnest($3::bigint[]) as amount_refunded, pg_catalog.unnest($4::pg_catalog.timestamptz[]) as paid_at,
               pg_catalog.unnest($5::pg_catalog.text[]) as stripe_checkout_session_id,
               pg_catalog.unnest($6::pg_catalog.text[]) as stripe_payment_intent_id) as r
 where o.{id} operator(pg_catalog.=) r.key
   and o.{id} operator(pg_catalog.=) any ($1::{id:type}[])
   and (not coalesce({o.status:text} operator(pg_catalog.=) pg_catalog.concat(r.status), false)
     or not coalesce(o.{amount_refunded} operator(pg_catalog.=) r.amount_refunded, false)
     or not coalesce(o.{paid_at} operator(pg_catalog.=) r.paid_at, o.{paid_at} is null and r.paid_at is null)
     or not coalesce(o.{stripe_checkout_session_id} operator(pg_catalog.=) r.stripe_checkout_session_id, o.{stripe_checkout_session_id} is null and r.stripe_checkout_session_id is null)
     or not coalesce(o.{stripe_payment_intent_id} operator(pg_catalog.=) r.stripe_payment_intent_id, o.{stripe_payment_intent_id} is null and r.stripe_payment_intent_id is null)
     );
