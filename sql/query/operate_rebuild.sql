-- all_group_ids: every group of facts (JSON strings). $1 environment text
select distinct pg_catalog.to_json(f.group_id)::pg_catalog.text from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.group_id is not null
 order by pg_catalog.to_json(f.group_id)::pg_catalog.text;

-- all_mirrored: every mirrored object, customers first, and payment methods last, because the others decide which is a default.
-- $1 environment text
select pg_catalog.json_build_object('object_id', o.object_id, 'object_type', o.object_type)::pg_catalog.text
  from (select f.object_id, f.object_type from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.group_id is null
        union
        select h.stripe_subscription_id, 'subscription' from payments.subscription_history h where (h.environment operator(pg_catalog.=) $1) is true) as o
 order by o.object_type operator(pg_catalog.<>) 'customer', o.object_type operator(pg_catalog.=) 'payment_method', o.object_type,
          o.object_id;

-- rows_of_group: the rows that a group of facts gives, as they are stored.
-- $1 environment text, $2 every id that its facts name text[]
select pg_catalog.json_build_object('relation', 'payment_history',
         'key', coalesce(p.stripe_refund_id, p.stripe_dispute_id, p.stripe_payment_intent_id, p.stripe_invoice_id,
                               p.stripe_checkout_session_id, p.stripe_charge_id),
         'row', pg_catalog.to_jsonb(p.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true
   and (p.stripe_refund_id operator(pg_catalog.=) any ($2) or p.stripe_dispute_id operator(pg_catalog.=) any ($2)
        or (p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
            and (p.stripe_payment_intent_id operator(pg_catalog.=) any ($2) or p.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
                 or p.stripe_invoice_id operator(pg_catalog.=) any ($2)
                 or (p.stripe_charge_id operator(pg_catalog.=) any ($2)
                     and (p.by_backend or (p.stripe_payment_intent_id is null and p.stripe_checkout_session_id is null
                                           and p.stripe_invoice_id is null))))))
union all
select pg_catalog.json_build_object('relation', 'invoices', 'key', m.stripe_invoice_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.invoices m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_invoice_id operator(pg_catalog.=) any ($2)
union all
select pg_catalog.json_build_object('relation', 'checkout_sessions', 'key', s.id,
         'row', pg_catalog.jsonb_build_object('status', s.status, 'payment_status', s.payment_status,
           'stripe_customer_id', s.stripe_customer_id, 'stripe_payment_intent_id', s.stripe_payment_intent_id,
           'stripe_subscription_id', s.stripe_subscription_id))::pg_catalog.text
  from payments.checkout_sessions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
union all
select pg_catalog.json_build_object('relation', 'notices', 'key', n.source operator(pg_catalog.||) ' ' operator(pg_catalog.||) n.kind,
         'row', pg_catalog.to_jsonb(n.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.notices n where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) any ($2 collate pg_catalog."C")
union all
-- Reviews of a payment.
select pg_catalog.json_build_object('relation', 'fulfillments', 'key', f.source operator(pg_catalog.||) ' ' operator(pg_catalog.||) f.item,
         'row', pg_catalog.jsonb_build_object('state', f.state, 'reason', f.reason, 'amount_due', f.amount_due, 'currency', f.currency))::pg_catalog.text
  from pg_catalog.unnest($2) as n (id)
  join payments.fulfillments f
    on (f.environment operator(pg_catalog.=) $1) is true and f.kind operator(pg_catalog.=) 'payments'
   and f.source operator(pg_catalog.=) (case when pg_catalog.starts_with(n.id, 'cn_') then 'credit_note:' else 'fraud_warning:' end
                                        operator(pg_catalog.||) n.id) collate pg_catalog."C";

-- rows_of_object: the rows that a mirrored object gives, as they are stored. $1 environment text, $2 object_id text
select pg_catalog.json_build_object('relation', 'customers', 'key', m.stripe_customer_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.customers m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'products', 'key', m.stripe_product_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.products m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_product_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'prices', 'key', m.stripe_price_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.prices m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_price_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'subscriptions', 'key', m.stripe_subscription_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.subscriptions m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'subscription_items', 'key', m.stripe_subscription_item_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.subscription_items m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'payment_methods', 'key', m.stripe_payment_method_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.payment_methods m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_payment_method_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'subscription_changes',
         'key', m.stripe_subscription_id operator(pg_catalog.||) ' ' operator(pg_catalog.||) (m.changed_at at time zone 'UTC')::pg_catalog.text,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.subscription_changes m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'notices', 'key', n.source operator(pg_catalog.||) ' ' operator(pg_catalog.||) n.kind,
         'row', pg_catalog.to_jsonb(n.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.notices n where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'active_entitlements', 'key', m.lookup_key,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.active_entitlements m where (m.environment operator(pg_catalog.=) $1) is true and pg_catalog.starts_with($2, 'entitlements:')
   and m.stripe_customer_id operator(pg_catalog.=) pg_catalog.substr($2, 14);

-- rows_of_mappings: the mappings of an environment, as they are stored. $1 environment text
select pg_catalog.json_build_object('relation', 'stripe_customer_mappings',
         'key', m.subject_type operator(pg_catalog.||) ' ' operator(pg_catalog.||) m.subject_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.stripe_customer_mappings m where (m.environment operator(pg_catalog.=) $1) is true;
