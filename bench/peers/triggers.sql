-- The handler's logic as a trigger in PL/pgSQL: the app verifies the signature and inserts the event, and the trigger
-- does everything else. Its tables are those of tables.sql in the schema by_trigger.

create function by_trigger.apply_event() returns trigger language plpgsql set search_path = pg_catalog, by_trigger, pg_temp as $$
declare
  object constant jsonb := new.payload #> '{data,object}';
  payment by_trigger.payments;
begin
  payment.customer := object ->> 'customer';
  payment.currency := object ->> 'currency';
  payment.last_event_at := new.created;
  case new.type
    when 'payment_intent.succeeded' then
      payment.payment_intent := object ->> 'id';
      payment.status := object ->> 'status';
      payment.amount := (object ->> 'amount_received')::bigint;
      payment.charge := object ->> 'latest_charge';
    when 'charge.succeeded' then
      payment.payment_intent := object ->> 'payment_intent';
      payment.status := object ->> 'status';
      payment.amount := (object ->> 'amount')::bigint;
      payment.charge := object ->> 'id';
      payment.customer_email := object #>> '{billing_details,email}';
    when 'checkout.session.completed' then
      if object ->> 'payment_status' <> 'paid' then
        return null;
      end if;
      payment.payment_intent := object ->> 'payment_intent';
      payment.status := 'succeeded';
      payment.amount := (object ->> 'amount_total')::bigint;
      payment.checkout_session := object ->> 'id';
      payment.customer_email := object #>> '{customer_details,email}';
    else
      return null;
  end case;

  insert into payments as p
    (payment_intent, status, amount, currency, customer, charge, checkout_session, customer_email, last_event_at)
  values (payment.payment_intent, payment.status, payment.amount, payment.currency, payment.customer, payment.charge,
          payment.checkout_session, payment.customer_email, payment.last_event_at)
  on conflict (payment_intent) do update
     set status = case when excluded.last_event_at >= p.last_event_at then excluded.status else p.status end,
         amount = case when excluded.last_event_at >= p.last_event_at then excluded.amount else p.amount end,
         customer = coalesce(p.customer, excluded.customer),
         charge = coalesce(p.charge, excluded.charge),
         checkout_session = coalesce(p.checkout_session, excluded.checkout_session),
         customer_email = coalesce(p.customer_email, excluded.customer_email),
         last_event_at = greatest(p.last_event_at, excluded.last_event_at),
         updated_at = now();

  if new.type = 'checkout.session.completed' then
    update orders
       set status = 'paid', payment_intent = payment.payment_intent, paid_at = new.created, updated_at = now()
     where id = (object ->> 'client_reference_id')::uuid and status = 'pending'
       and amount = payment.amount and currency = payment.currency;
    if not found then
      raise exception 'no pending order % costs % %', object ->> 'client_reference_id', payment.amount, payment.currency;
    end if;
  end if;
  return null;
end
$$;

create trigger apply_event after insert on by_trigger.events for each row execute function by_trigger.apply_event();
