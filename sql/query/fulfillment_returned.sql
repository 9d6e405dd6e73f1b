-- find_returned: the invoices of a subscription whose money went back, at least in part, and those that are in review (a JSON
-- object). $1 environment, $2 Stripe's id of the subscription text
select pg_catalog.json_build_object(
  'gives_access', case when r.invoices is not null then payments.access_until($1, $2) is not null else false end,
  'invoices', r.invoices,
  'asked', (select pg_catalog.json_agg(f.item)
              from payments.fulfillments f
             where f.source operator(pg_catalog.=) ('subscription:' operator(pg_catalog.||) $2) and f.kind operator(pg_catalog.=) 'subscriptions'
               and (f.environment operator(pg_catalog.=) $1) is true))::pg_catalog.text
  from (select pg_catalog.json_agg(pg_catalog.json_build_object(
                 'invoice', coalesce(p.stripe_invoice_id, p.id::pg_catalog.text),
                 'money', pg_catalog.json_build_object(
                   'status', p.status, 'is_subscription_invoice', true, 'amount', p.amount, 'amount_refunded', p.amount_refunded,
                   'amount_lost', p.amount_lost, 'lost_in_other_currency', p.lost_in_other_currency, 'currency', p.currency,
                   'dispute_status', p.dispute_status, 'paid_at', 0))) as invoices
          from payments.payment_history p
         where p.stripe_subscription_id operator(pg_catalog.=) $2 and (p.environment operator(pg_catalog.=) $1) is true
           and p.type operator(pg_catalog.=) 'subscription_invoice'
           and (p.amount_refunded operator(pg_catalog.>) 0 or p.dispute_status is not null)) as r;
