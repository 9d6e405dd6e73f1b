-- facts_of_payment: the facts about a row of payment_history. $1 its id text
select f.statement::pg_catalog.text
  from payments.payment_history p
  join payments.facts f on (f.environment operator(pg_catalog.=) p.environment) is true
   and f.group_id operator(pg_catalog.=) any (array(
         select l.group_id from payments.fact_links l
          where (l.environment operator(pg_catalog.=) p.environment) is true
            and l.key operator(pg_catalog.=) any (array[p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id,
                                                        p.stripe_charge_id, p.stripe_refund_id, p.stripe_dispute_id]
                                                  collate pg_catalog."C")))
 where p.id operator(pg_catalog.=) $1::pg_catalog.uuid;

-- snapshots_of_events: the objects of events of the environment of a row of payment_history, as Stripe sent them (JSON objects).
-- $1 its id text, $2 stripe_event_ids text[]
select pg_catalog.json_build_object('event_id', e.stripe_event_id, 'object', e.payload operator(pg_catalog.#>) '{data,object}')::pg_catalog.text
  from payments.payment_history p
  join payments.webhook_events e on (e.environment operator(pg_catalog.=) p.environment) is true
   and e.stripe_event_id operator(pg_catalog.=) any ($2)
 where p.id operator(pg_catalog.=) $1::pg_catalog.uuid
   and (e.payload operator(pg_catalog.#>) '{data,object}') is not null;
