-- find_notice: the payload of a notice's job, and what was decided on it before (a JSON object).
-- $1 environment text, $2 source text, $3 kind text, $4 target table text
select pg_catalog.json_build_object(
  'payload', (
    select pg_catalog.json_build_object(
             'environment', n.environment,
             'subject_type', coalesce(s.subject_type, p.subject_type),
             'subject_id', coalesce(s.subject_id, p.subject_id),
             'stripe_customer_id', n.stripe_customer_id,
             'stripe_subscription_id', n.stripe_subscription_id,
             'stripe_invoice_id', n.stripe_invoice_id,
             'stripe_checkout_session_id', n.stripe_checkout_session_id,
             'amount_due', n.amount_due,
             'currency', n.currency,
             'attempt', n.attempt,
             'next_attempt_at', pg_catalog.to_char(n.next_attempt_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
             'hosted_invoice_url', n.hosted_invoice_url,
             case when n.kind operator(pg_catalog.=) 'trial_will_end' then 'trial_end'
                  when n.kind operator(pg_catalog.=) 'renewal_upcoming' then 'period_end' else 'ended_at' end,
             pg_catalog.to_char(n.happens_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
             'is_ending', n.is_ending,
             'reason', n.reason)
      from payments.notices n
      left join lateral (
        select o.subject_type, o.subject_id from payments.subscriptions o
         where (o.environment operator(pg_catalog.=) n.environment) is true
           and o.stripe_subscription_id operator(pg_catalog.=) n.stripe_subscription_id
         limit 1) s on true
      left join lateral (
        (select h.subject_type, h.subject_id from payments.payment_history h
          where (h.environment operator(pg_catalog.=) n.environment) is true and h.stripe_invoice_id operator(pg_catalog.=) n.stripe_invoice_id
            and h.type operator(pg_catalog.<>) 'refund' limit 1)
        union all
        (select h.subject_type, h.subject_id from payments.payment_history h
          where (h.environment operator(pg_catalog.=) n.environment) is true
            and h.stripe_checkout_session_id operator(pg_catalog.=) n.stripe_checkout_session_id
            and h.type operator(pg_catalog.<>) 'refund' limit 1)
        limit 1) p on true
     where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) (pg_catalog.split_part($2, ':', 2) collate pg_catalog."C")
       and n.source operator(pg_catalog.=) $2 and n.kind operator(pg_catalog.=) $3),
  'state', (
    select f.state from payments.fulfillments f
     where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2
       and f.kind operator(pg_catalog.=) 'fulfillment_jobs' and f.target_table operator(pg_catalog.=) $4
       and f.item operator(pg_catalog.=) $3))::pg_catalog.text;

-- is_told: whether there is such a notice (a JSON boolean). $1 environment text, $2 source text, $3 kind text
select pg_catalog.to_json(exists (
  select from payments.notices n
   where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) (pg_catalog.split_part($2, ':', 2) collate pg_catalog."C")
     and n.source operator(pg_catalog.=) $2 and n.kind operator(pg_catalog.=) $3))::pg_catalog.text;

-- find_notices_about: the notices about an invoice, a session or a subscription, a row each. $1 environment, $2 its id text
select pg_catalog.json_build_object('environment', n.environment, 'source', n.source, 'kind', n.kind)::pg_catalog.text
  from payments.notices n
 where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) $2;
