-- What a person is asked about a payment: a credit note that no refund tells of, and a warning of fraud.
-- explain() tells both.
set client_min_messages = warning;
set timezone = 'UTC';
create function said(type text, object jsonb, created bigint) returns text language sql as $$
  select payments.apply_stripe_event('test', jsonb_build_object('id', 'evt_' || created || type, 'object', 'event',
    'type', type, 'created', 1752000000 + created, 'livemode', false,
    'data', jsonb_build_object('object', object))) ->> 'status' $$;
create function note(status text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'cn_1', 'object', 'credit_note', 'invoice', 'in_1', 'customer', 'cus_1',
    'status', status, 'type', 'post_payment', 'amount', 500, 'post_payment_amount', 500, 'refunds', '[]'::jsonb,
    'customer_balance_transaction', 'cbtxn_1', 'currency', 'usd', 'reason', 'order_change',
    'created', 1752004000) || more $$;
create view waiting as
  select source, item, amount, currency, folded(reason, 60) as reason, folded(next_step, 50) as next_step
    from payments.review order by 1;
create function story(reference text) returns setof text language sql as $$
  select folded(e.story, 100) from payments.explain(reference) e $$;

-- The credit note comes before its invoice. The payment stays what it was.
select said('credit_note.created', note('issued'), 4000);
select said('invoice.paid', '{"id": "in_1", "object": "invoice", "status": "paid", "amount_due": 1500,
  "amount_paid": 1500, "currency": "usd", "customer": "cus_1", "created": 1752000060, "metadata": {},
  "status_transitions": {"paid_at": 1752000061}, "lines": {"data": []}}', 61);
select * from waiting;
select type, status, amount, amount_refunded from payments.payment_history;
select * from story('in_1');
select * from story('cn_1');

-- An update says more; retrying changes nothing; a row that was changed by hand is found, and mended.
select said('credit_note.updated', note('issued', '{"out_of_band_amount": 200}'), 4100);
select amount, reason from waiting;
select payments.retry_fulfillments();
update payments.fulfillments set amount_due = 7;
select * from payments.verify_projections('test');
select payments.rebuild_projections('test');
select amount from waiting;
delete from payments.fulfillments;
select relation, key, column_name, stored from payments.verify_projections('test') order by column_name;
select payments.rebuild_projections('test');
select * from payments.verify_projections('test');

-- Voided, it asks nobody; what came before it and is told late changes nothing.
select said('credit_note.voided', note('void'), 4200);
select said('credit_note.updated', note('issued', '{"reason": "duplicate"}'), 4150);
select * from waiting;
select * from story('cn_1');

-- A warning of fraud, until all the money is back.
select said('charge.succeeded', '{"id": "ch_1", "object": "charge", "status": "succeeded", "paid": true,
  "captured": true, "amount": 2000, "amount_captured": 2000, "amount_refunded": 0, "currency": "usd",
  "payment_intent": "pi_1", "created": 1752000011}', 70);
select said('radar.early_fraud_warning.created', '{"id": "issfr_1", "object": "radar.early_fraud_warning",
  "actionable": true, "charge": "ch_1", "payment_intent": "pi_1", "fraud_type": "made_with_stolen_card",
  "created": 1752003000}', 3000);
select * from waiting;
select * from story('issfr_1') where story like '%warns%';
select said('refund.created', '{"id": "re_1", "object": "refund", "status": "succeeded", "amount": 1999,
  "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "created": 1752005000}', 5000);
select count(*) from waiting;
select said('refund.created', '{"id": "re_2", "object": "refund", "status": "succeeded", "amount": 1,
  "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "created": 1752006000}', 6000);
select count(*) from waiting;
-- One that was over when it came asks nobody; one of a charge that is disputed neither.
select said('radar.early_fraud_warning.created', '{"id": "issfr_2", "object": "radar.early_fraud_warning",
  "actionable": false, "charge": "ch_2", "created": 1752003000}', 3001);
select said('radar.early_fraud_warning.created', '{"id": "issfr_3", "object": "radar.early_fraud_warning",
  "actionable": true, "charge": "ch_3", "created": 1752003000}', 3002);
select source, amount, reason from waiting;
select said('charge.dispute.created', '{"id": "dp_3", "object": "dispute", "status": "needs_response",
  "amount": 900, "currency": "usd", "charge": "ch_3", "created": 1752006000}', 6001);
select count(*) from waiting;
