-- The same three tables, written by triggers as a careful developer writes them: the order is locked and compared, credits are
-- granted once with a running balance under a lock for each subject, entitlements are upserted, and refunds are absolute. The
-- triggers have no savepoint for each target and no record of decisions, and they write with the rights of their author.
create function hand_session(p payments.payment_history) returns payments.checkout_sessions language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
declare
  s payments.checkout_sessions;
begin
  select * into s from payments.checkout_sessions c
   where c.environment = p.environment and c.stripe_checkout_session_id = p.stripe_checkout_session_id and c.mode = 'payment';
  if not found and p.stripe_payment_intent_id is not null then
    select * into s from payments.checkout_sessions c
     where c.environment = p.environment and c.stripe_payment_intent_id = p.stripe_payment_intent_id and c.mode = 'payment'
     order by c.id limit 1;
  end if;
  return s;
end $$;

create function hand_relevant(o payments.payment_history, n payments.payment_history) returns boolean language sql immutable as $$
  select n.type = 'one_time_payment' and n.status in ('succeeded', 'partially_refunded', 'refunded')
     and (o.status, o.amount, o.amount_refunded, o.currency, o.dispute_status) is distinct from (n.status, n.amount, n.amount_refunded, n.currency, n.dispute_status)
$$;

create function hand_order() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s payments.checkout_sessions;
  o public.orders;
begin
  if not (new.type = 'one_time_payment' and new.status in ('succeeded', 'partially_refunded', 'refunded')) then return null; end if;
  s := public.hand_session(new);
  if s.id is null or (s.metadata ->> 'order_id') !~ '^[0-9a-f-]{36}$' then return null; end if;
  select * into o from public.orders where id = (s.metadata ->> 'order_id')::uuid for update;
  if not found then return null; end if;
  if o.status = 'pending' and (o.amount <> new.amount or lower(o.currency) <> lower(new.currency)
     or (o.user_id is distinct from s.created_by and not (s.subject_type = 'user' and s.subject_id = o.user_id))) then
    raise warning 'order % needs review', o.id;
    return null;
  end if;
  if o.status <> 'pending' and o.stripe_checkout_session_id is distinct from new.stripe_checkout_session_id then
    raise warning 'order % was paid twice', o.id;
    return null;
  end if;
  update public.orders
     set status = case when new.status = 'refunded' or new.dispute_status = 'lost' then 'refunded' when o.status = 'pending' then 'paid' else o.status end,
         amount_refunded = coalesce(new.amount_refunded, 0), paid_at = new.paid_at, stripe_checkout_session_id = new.stripe_checkout_session_id,
         stripe_payment_intent_id = new.stripe_payment_intent_id, updated_at = now()
   where id = o.id;
  return null;
end $$;

create function hand_credits() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s payments.checkout_sessions;
  b record;
  target bigint;
  taken bigint;
begin
  if not (new.type = 'one_time_payment' and new.status in ('succeeded', 'partially_refunded', 'refunded')) then return null; end if;
  s := public.hand_session(new);
  if s.id is null or s.subject_id is null then return null; end if;
  for b in
    select g.stripe_price_id, sum(g.credits_per_unit * (l ->> 'quantity')::bigint)::bigint as credits
      from jsonb_array_elements(s.line_items) l
      join payments.benefits g on g.environment = new.environment and g.credits_per_unit is not null
       and coalesce(g.stripe_price_id, g.stripe_product_id) = coalesce(l ->> 'stripePriceId', l ->> 'price')
     group by 1 order by 1
  loop
    -- a lock for each subject would fill the lock table in a bulk UPDATE, so subjects share 1,024 locks
    perform pg_advisory_xact_lock(1, hashtext(s.subject_type || ' ' || s.subject_id) & 1023);
    insert into public.credit_ledger (subject_type, subject_id, delta, balance_after, reason, source)
    values (s.subject_type, s.subject_id, b.credits,
            coalesce((select l.balance_after from public.credit_ledger l where l.subject_type = s.subject_type and l.subject_id = s.subject_id order by l.id desc limit 1), 0) + b.credits,
            'purchase', 'session:' || s.id || ':' || b.stripe_price_id)
    on conflict (source) do nothing;
    if new.status <> 'succeeded' or new.dispute_status is not null then
      target := case when new.status = 'refunded' or new.dispute_status = 'lost' then b.credits
                     when coalesce(new.amount, 0) = 0 then 0 else b.credits * coalesce(new.amount_refunded, 0) / new.amount end;
      select coalesce(-sum(l.delta), 0) into taken from public.credit_ledger l where l.source like 'session:' || s.id || ':' || b.stripe_price_id || ':refund%';
      if target <> taken then
        insert into public.credit_ledger (subject_type, subject_id, delta, balance_after, reason, source)
        values (s.subject_type, s.subject_id, taken - target,
                coalesce((select l.balance_after from public.credit_ledger l where l.subject_type = s.subject_type and l.subject_id = s.subject_id order by l.id desc limit 1), 0) + taken - target,
                'refund', 'session:' || s.id || ':' || b.stripe_price_id || ':refund:' || clock_timestamp());
      end if;
    end if;
  end loop;
  return null;
end $$;

create function hand_entitlements() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s payments.checkout_sessions;
  holder text;
begin
  if not (new.type = 'one_time_payment' and new.status in ('succeeded', 'partially_refunded', 'refunded')) then return null; end if;
  s := public.hand_session(new);
  holder := case s.subject_type when 'user' then s.subject_id else s.created_by end;
  if s.id is null or holder is null then return null; end if;
  insert into public.user_entitlements as e (user_id, subject_type, subject_id, key, source, active, starts_at, expires_at)
  select holder, s.subject_type, s.subject_id, g.key, 'session:' || s.id, new.status <> 'refunded' and new.dispute_status is distinct from 'lost',
         new.paid_at, new.paid_at + max(g.duration * (l ->> 'quantity')::bigint)
    from jsonb_array_elements(s.line_items) l
    join payments.benefits g on g.environment = new.environment and g.key is not null
     and coalesce(g.stripe_price_id, g.stripe_product_id) = coalesce(l ->> 'stripePriceId', l ->> 'price')
   group by g.key
  on conflict (source, key) do update set active = excluded.active, updated_at = now();
  return null;
end $$;

create trigger hand_order_insert after insert on payments.payment_history for each row execute function hand_order();
create trigger hand_credits_insert after insert on payments.payment_history for each row execute function hand_credits();
create trigger hand_entitlements_insert after insert on payments.payment_history for each row execute function hand_entitlements();
create trigger hand_order_update after update on payments.payment_history for each row when (hand_relevant(old, new)) execute function hand_order();
create trigger hand_credits_update after update on payments.payment_history for each row when (hand_relevant(old, new)) execute function hand_credits();
create trigger hand_entitlements_update after update on payments.payment_history for each row when (hand_relevant(old, new)) execute function hand_entitlements();
