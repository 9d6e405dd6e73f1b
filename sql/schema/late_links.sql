set local search_path = pg_catalog, pg_temp;

-- What follows on our own tables by triggers that are nobody's request.
--
-- A local session usually knows its Stripe session before any webhook, or is named by it. Where it learns of it later, from the
-- backend, what Stripe said meanwhile is derived again, in the same transaction.

create function payments.on_session_linked() returns trigger
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.on_session_linked_body() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  if tg_relid is distinct from to_regclass('payments.checkout_sessions') then
    raise exception 'on_session_linked() is made for payments.checkout_sessions'
      using errcode = 'trigger_protocol_violated', detail = format('It was called for %s.', tg_relid::regclass),
            hint = 'Do not put it on another table.';
  end if;
  perform payments.session_linked(new.environment, new.stripe_checkout_session_id);
  return null;
end
$function$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass
                   and tgname = 'payments_session_inserted') then
    create trigger payments_session_inserted
      after insert on payments.checkout_sessions for each row
      when (new.stripe_checkout_session_id is not null)
      execute function payments.on_session_linked();
    alter trigger payments_session_inserted on payments.checkout_sessions depends on extension payments;
    -- A session that took the row because it names it, or was recovered from its own, is being projected anyway.
    create trigger payments_session_linked
      after update of stripe_checkout_session_id on payments.checkout_sessions for each row
      when (new.stripe_checkout_session_id is not null and new.claimed_by_session is null and new.recovered_from is null
            and new.stripe_checkout_session_id is distinct from old.stripe_checkout_session_id)
      execute function payments.on_session_linked();
    alter trigger payments_session_linked on payments.checkout_sessions depends on extension payments;
  end if;
  -- A payment that another backend writes may have been refunded or disputed before.
  if not exists (select from pg_trigger where tgrelid = 'payments.payment_history'::regclass
                   and tgname = 'payments_adopted') then
    create trigger payments_adopted
      after insert on payments.payment_history referencing new table as new_rows for each statement
      execute function payments.adopt_payments();
    alter trigger payments_adopted on payments.payment_history depends on extension payments;
    -- It may also be told its ids later.
    create trigger payments_adopted_late
      after update of stripe_payment_intent_id, stripe_checkout_session_id, stripe_invoice_id, stripe_charge_id
      on payments.payment_history for each row when (new.by_backend)
      execute function payments.adopt_payments();
    alter trigger payments_adopted_late on payments.payment_history depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;
