set local search_path = pg_catalog, pg_temp;

-- Asking to cancel, resume or change a subscription. The guard is in src/session/change.rs.

-- A request as the functions return it: the columns of the table, in their order.
create type payments.subscription_request as (
  id uuid,
  environment text,
  status text,
  subject_type text,
  subject_id text,
  created_by text,
  created_at timestamptz,
  updated_at timestamptz,
  stripe_subscription_id text,
  action text,
  stripe_price_id text,
  quantity bigint,
  stripe_subscription_item_id text,
  idempotency_key text,
  pending_update boolean,
  stripe_invoice_id text,
  last_error text,
  request jsonb
);

-- As whoever runs it: the caller, under his own row security, or, for a backend, the definer.
create function payments.insert_subscription_request(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
  caller text := case when not payments.caller_is_admin() then payments.current_user_id() end;
begin
  -- An app's triggers on the table find the search_path of an ordinary session.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.subscription_requests as s (environment, stripe_subscription_id, action, stripe_price_id, quantity, idempotency_key)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (idempotency_key, created_by, environment) where idempotency_key is not null do nothing
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if made is null then
    select to_jsonb(s.*) into made
      from payments.subscription_requests s
     where s.idempotency_key = $6 and s.created_by is not distinct from caller and s.environment = $1
       and (s.stripe_subscription_id, s.action) = ($2, $3)
       and s.stripe_price_id is not distinct from $4 and s.quantity is not distinct from $5;
  end if;
  if made is null then
    raise exception 'idempotency key was used for another request'
      using errcode = 'PT409',
            detail = payments.without_secrets(format('Environment %s, key %s.', $1, $6)),
            hint = 'Use a new key for a new request; repeat a request unchanged to get its row again.';
  end if;
  return jsonb_populate_record(null::payments.subscription_request, made);
end
$$;

-- A backend's, so that an app's trigger on the table never runs as a superuser who calls.
create function payments.insert_subscription_request_of_backend(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_subscription_request_of_backend_body(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_subscription_request($1, $2, $3, $4, $5, $6) $$;

/* Asks, as the caller, to change a subscription of a subject that he may bill for, and returns the request. 'cancel' lets it end with the
   paid period, 'resume' undoes that, 'change' moves it to another price, another quantity, or both: Stripe invoices the difference at
   once, and changes nothing before that is paid. The same key and the same request by the same caller returns the first row. What
   becomes of the subscription is told by Stripe's events alone.

   A trial does not go on with another price, unless that is offered with one as long.

   Raises 22023 (a bad argument, or more of what costs nothing than payments.max_free_quantity), 42501 (nobody is signed in, or not the
   caller's subscription), 55000 (live is not approved, the subscription has ended or is paused, or Stripe cannot change it so), 23505
   (the subject has another subscription of that product), PT409 (the key was used for another request). */
create function payments.request_subscription_change(
  environment text, stripe_subscription_id text, action text, price text default null, quantity bigint default null,
  idempotency_key text default null
) returns payments.subscription_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_subscription_request_of_backend($1, $2, $3, $4, $5, $6);
  end if;
  return payments.insert_subscription_request($1, $2, $3, $4, $5, $6);
end
$$;

-- How long a trial checkouts with a price have; null where there is none.
create function payments.trial_days(environment text, price text) returns integer
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(payments.checkout_defaults_of($1, $2) #>> '{subscription_data,trial_period_days}',
                  payments.checkout_defaults_of($1, null) #>> '{subscription_data,trial_period_days}')::integer
$$;

-- What to send for a request. pending_if_incomplete goes with items, proration_behavior and trial_end, and not with cancel_at_period_end. Source:
-- https://docs.stripe.com/billing/subscriptions/pending-updates-reference, https://docs.stripe.com/api/subscriptions/update.
create function payments.subscription_params(asked payments.subscription_request) returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  now_there record;
  is_tried boolean;
  ends_trial boolean;
begin
  if asked.action = 'cancel' then
    return jsonb_build_object('cancel_at_period_end', true);
  elsif asked.action = 'resume' then
    -- Under flexible billing a scheduled end is only a date.
    return case
      when exists (
        select from payments.subscriptions s
         where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment
           and s.cancel_at is not null and not s.cancel_at_period_end)
      then jsonb_build_object('cancel_at', '') else jsonb_build_object('cancel_at_period_end', false) end;
  end if;
  -- The quantity that goes on: of a change that Stripe took and no event has told yet, what that change said.
  select i.stripe_price_id as present_price,
         coalesce(asked.quantity, (
           select (r.request #>> '{params,items,0,quantity}')::bigint
             from payments.subscription_requests r
            where r.stripe_subscription_id = asked.stripe_subscription_id and r.environment = asked.environment
              and r.stripe_subscription_item_id = asked.stripe_subscription_item_id and r.action = 'change'
              and r.status = 'completed' and not r.pending_update and r.updated_at > i.updated_at
            order by r.created_at desc, r.id desc
            limit 1), i.quantity) as quantity,
         -- The present price goes with the quantity, for that was judged: the subscription may be at another, of which no event told
         -- yet. Stripe takes no price that is not sold any more.
         coalesce(asked.stripe_price_id, case when p.active then p.stripe_price_id end) as price,
         coalesce(p.raw #>> '{recurring,usage_type}' = 'metered', false) as metered into now_there
    from (select) one
    left join payments.subscription_items i
      on i.stripe_subscription_item_id = asked.stripe_subscription_item_id and i.environment = asked.environment
    left join payments.prices p
      on p.stripe_price_id = coalesce(asked.stripe_price_id, i.stripe_price_id) and p.environment = asked.environment;
  -- A trial is one of its price. It goes on with another only if that is offered with a trial as long as what is left.
  select coalesce(now_there.price is distinct from now_there.present_price and asked.stripe_price_id is not null
                  and (s.trial_end <= now() + payments.trial_days(asked.environment, asked.stripe_price_id) * interval '1 day') is not true, false)
    into ends_trial
    from payments.subscriptions s
   where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment
     and (s.status = 'trialing' or s.trial_end > now());
  is_tried := found and not ends_trial;
  return case when ends_trial then '{"trial_end": "now"}' else '{}' end::jsonb || jsonb_build_object(
    -- Stripe takes 1 for a quantity that is not said beside a new price.
    'items', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
       'id', asked.stripe_subscription_item_id, 'price', now_there.price,
       'quantity', case
         when now_there.metered then null
         -- The guard judged what the mirror said when it was asked for.
         when asked.created_by is not null
          and payments.gives_for_nothing(asked.environment, coalesce(asked.stripe_price_id, now_there.present_price), now_there.quantity,
                                         is_tried)
           then least(now_there.quantity, current_setting('payments.max_free_quantity')::bigint)
         else now_there.quantity end))),
    'proration_behavior', 'always_invoice',
    'payment_behavior', 'pending_if_incomplete');
end
$$;

-- stripe_request() of a subscription request; kept with the row, as that of a session is.
create function payments.request_of_subscription(request_id uuid) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  asked payments.subscription_request;
  said jsonb;
begin
  if current_setting('transaction_read_only') = 'off' then
    perform from payments.subscription_requests s where s.id = request_id for no key update;
  end if;
  select (jsonb_populate_record(null::payments.subscription_request, to_jsonb(s.*))).* into asked
    from payments.subscription_requests s where s.id = request_id;
  perform payments.require_open_environment(asked.environment);
  if asked.request is not null then
    return asked.request;
  end if;
  said := jsonb_build_object(
    'method', 'POST', 'path', '/v1/subscriptions/' || asked.stripe_subscription_id,
    'idempotency_key', 'subscription_request_' || request_id, 'stripe_version', payments.stripe_version(), 'params', payments.subscription_params(asked));
  if current_setting('transaction_read_only') = 'off' then
    perform set_config('search_path', payments.ordinary_search_path(), true);
    update payments.subscription_requests as s set request = said where s.id operator(pg_catalog.=) request_id;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  end if;
  return said;
end
$$;

-- The next request of the subscription was held back by this one.
create function payments.tell_of_next_change(asked payments.subscription_request) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  select pg_notify('payments_sessions', asked.environment)
   where coalesce(current_setting('payments.notify_sessions', true), 'on')::boolean and exists (
     select from payments.subscription_requests s
      where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment and s.status = 'initialized')
$$;

-- record_stripe_response() of a subscription request. Of Stripe's answer it keeps only whether the change waits for a payment, and of
-- which invoice: what the subscription is now, its events tell.
create function payments.record_subscription_response(request_id uuid, response jsonb) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  asked payments.subscription_request;
  row_now jsonb;
  invoice text := payments.stripe_id(response -> 'latest_invoice');
  is_pending boolean := jsonb_typeof(response -> 'pending_update') is not distinct from 'object';
begin
  perform from payments.subscription_requests s where s.id = request_id for update;
  select (jsonb_populate_record(null::payments.subscription_request, to_jsonb(s.*))).* into asked
    from payments.subscription_requests s where s.id = request_id;
  if response ->> 'object' is distinct from 'subscription' or response ->> 'id' is distinct from asked.stripe_subscription_id then
    perform payments.refuse_response(request_id, format('it is not the subscription %s.', asked.stripe_subscription_id));
  elsif (response -> 'livemode') <> to_jsonb(asked.environment = 'live') then
    perform payments.refuse_response(request_id, format('it says livemode %s, the request is of %s.',
                                                        response ->> 'livemode', asked.environment));
  end if;
  -- The same answer comes twice where a first worker was slow; it changes nothing.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.subscription_requests as s
     set status = 'completed', last_error = null,
         pending_update = s.action operator(pg_catalog.=) 'change' and is_pending,
         stripe_invoice_id = case when s.action operator(pg_catalog.=) 'change' and is_pending then invoice end
   where s.id operator(pg_catalog.=) request_id and s.status operator(pg_catalog.<>) 'completed';
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  perform payments.tell_of_next_change(asked);
  select to_jsonb(s.*) into row_now from payments.subscription_requests s where s.id = request_id;
  return row_now;
end
$$;

-- record_stripe_error() of a subscription request; null where there is none.
create function payments.record_subscription_error(request_id uuid, reason text) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  row_now jsonb;
begin
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.subscription_requests as s
     set status = 'failed', last_error = reason
   where s.id operator(pg_catalog.=) request_id and s.status operator(pg_catalog.<>) 'completed';
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  select to_jsonb(s.*) into row_now from payments.subscription_requests s where s.id = request_id;
  perform payments.tell_of_next_change(jsonb_populate_record(null::payments.subscription_request, row_now));
  return row_now;
end
$$;

do $install$
declare
  statement text;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- Types of subjects that were registered before this table was made.
  if to_regclass('payments_registry.subject_types') is not null then
    for statement in
      select payments.policy_ddl(d.relation, d.name, d.command, d.roles, d.using_expression, d.check_expression)
        from payments_registry.subject_types t cross join lateral payments.subject_policies(t.subject_type, t.predicate is not null) d
       where d.relation = 'payments.subscription_requests'
         and not exists (select from pg_policy p where p.polrelid = 'payments.subscription_requests'::regclass
                            and p.polname in (payments.subject_policy(t.subject_type, 'select'), payments.subject_policy(t.subject_type, 'insert')))
    loop
      execute statement;
    end loop;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.subscription_requests'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.subscription_requests
      for each row execute function payments.guard_subscription_request();
    alter trigger payments_guard on payments.subscription_requests depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.subscription_requests'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, stripe_subscription_id, stripe_price_id, stripe_subscription_item_id, idempotency_key,
        stripe_invoice_id, last_error
      on payments.subscription_requests for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.subscription_requests depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;
