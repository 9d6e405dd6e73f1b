set local search_path = pg_catalog, pg_temp;

-- Checkout defaults, and the parameters of a checkout's request, which they become a part of. What may be said, and how it is merged, is
-- in core/src/session/defaults/.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- Of an environment (stripe_price_id is null), or of the sessions there with a price.
  if to_regclass('payments.checkout_defaults') is null then
    create table payments.checkout_defaults (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text,
      params jsonb not null check (jsonb_typeof(params) = 'object'),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create unique index checkout_defaults_price_idx on payments.checkout_defaults ((coalesce(stripe_price_id, '')), environment);
  end if;
end
$install$;

/* Says once what each checkout of an environment should have besides what its row says: taxes, promotion codes, trials, shipping, locale,
   how the page is shown. With a price it counts for sessions with that price, over what is said of the environment. It takes the place
   of what was said before; null or {} says nothing. Parameters are named and nested as Stripe's API has them; requests that were made
   before stay as they are.

   Raises 22023: a parameter that is not allowed, which DETAIL names, or a value that Stripe does not take; HINT says which are.
   Source: https://docs.stripe.com/api/checkout/sessions/create. */
create function payments.set_checkout_defaults(environment text, params jsonb, price text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_checkout_defaults_body(environment text, params jsonb, price text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  says_nothing boolean := coalesce($2, '{}') = '{}' or $2 = 'null';
begin
  perform payments.hide_secrets_from_log(array[$1, $2::text, $3]);
  perform payments.check_environment($1);
  -- Another name of a price, its lookup key say, would be stored and reach no checkout.
  if $3 !~ '^[^[:space:][:cntrl:]]{1,255}$' or $3 ~ '^prod_'
     or $3 is not null and not says_nothing and payments.is_product($1, $3) is distinct from false
  then
    raise exception 'price must be the id of a price'
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', left($3, 100))),
            hint = coalesce(payments.without_secrets((
              select format('Pass %s, whose lookup key that is.', p.stripe_price_id)
                from payments.prices p
               where p.environment = $1 and p.lookup_key = $3 and p.active order by p.stripe_price_id limit 1)),
              'Pass a price_… or another id that the catalog knows there, or null for all checkouts of the environment. A product has no defaults of its own.');
  end if;
  if says_nothing then
    delete from payments.checkout_defaults d where d.environment = $1 and coalesce(d.stripe_price_id, '') = coalesce($3, '');
    return;
  end if;
  perform payments.check_checkout_defaults($2);
  insert into payments.checkout_defaults as d (environment, stripe_price_id, params)
  values ($1, $3, $2)
  on conflict (environment, (coalesce(stripe_price_id, ''))) do update set params = excluded.params, updated_at = now();
end
$$;

-- What was said, of the environment where the price is null; the expiry in seconds.
create function payments.checkout_defaults_of(environment text, price text) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select case when d.params ? 'expires_after'
                then d.params || jsonb_build_object('expires_after', floor(extract(epoch from (d.params ->> 'expires_after')::interval))::bigint)
                else d.params end
      from payments.checkout_defaults d
     where d.environment = $1 and coalesce(d.stripe_price_id, '') = coalesce($2, '')), '{}')
$$;

-- The line items of a session: price, quantity and what the catalog knows of the price. Of what is billed by usage Stripe takes no quantity.
create function payments.session_items(session payments.checkout_session)
  returns table (place bigint, price text, quantity jsonb, known boolean, recurring boolean, currency text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select i.place, i.price, case when p.raw #>> '{recurring,usage_type}' = 'metered' then null else i.quantity end, p.stripe_price_id is not null,
         case when p.stripe_price_id is not null then coalesce(p.type = 'recurring', p.recurring_interval is not null) end, p.currency
    from (select e.place, coalesce(e.item ->> 'price', e.item ->> 'stripePriceId') as price, coalesce(e.item -> 'quantity', '1') as quantity
            from jsonb_array_elements(session.line_items) with ordinality as e(item, place)) i
    left join payments.prices p on p.environment = session.environment and p.stripe_price_id = i.price
$$;

-- The currency to pay in: the order's, so that no other pays it, else that of the prices, where the catalog knows one of all. Stripe takes a
-- currency that each price has, as its own or among its options, and refuses the session otherwise: better no payment than one that does
-- not fit the order. A caller is told nothing of an order that is another's: it would not be paid by this session.
create function payments.checkout_currency(session payments.checkout_session) returns text
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(payments.order_currency(session.metadata ->> 'order_id', case
      when session.guest or session.created_by is not null then array_remove(array[session.created_by, session.subject_id], null) end), (
    select lower(min(i.currency))
      from payments.session_items(session) i
    having count(*) = count(i.currency) and count(distinct lower(i.currency)) = 1));
end
$$;

-- Whether a subject had a trial: a subscription of its own with one, or a completed session that asked for one.
create function payments.had_trial(environment text, subject_type text, subject_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
      select from payments.subscriptions s
       where s.environment = $1 and s.subject_type = $2 and s.subject_id = $3
         and (s.trial_start is not null or s.trial_end is not null or s.status = 'trialing'))
    or exists (
      select from payments.checkout_sessions s
       where s.environment = $1 and s.subject_type = $2 and s.subject_id = $3
         and s.status = 'completed' and s.request #> '{params,subscription_data,trial_period_days}' is not null)
$$;

-- Whether a session's subject never had a trial and is not about to have one. Another session counts while its page can be paid: a day after
-- its request was made (Stripe keeps a session open that long, and forgets an idempotency key then), a month where Stripe may recover it;
-- and for good once it is completed. One that failed counts as long: Stripe may have made it, though its answer never came. A read-only
-- transaction gives no trial, because the request is not saved there, so that no other session would count the trial.
create function payments.may_have_trial(session payments.checkout_session) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if session.subject_id is null or current_setting('transaction_read_only') = 'on' then
    return false;
  end if;
  perform payments.lock_trials(session.environment, session.subject_type, session.subject_id);
  return not payments.had_trial(session.environment, session.subject_type, session.subject_id)
    and not exists (
      select from payments.checkout_sessions s
       where s.environment = session.environment and s.subject_type = session.subject_type and s.subject_id = session.subject_id
         and s.id <> session.id and s.request #> '{params,subscription_data,trial_period_days}' is not null
         and case s.status
               when 'expired' then s.request #> '{params,after_expiration,recovery,enabled}' = 'true' and s.updated_at > now() - interval '31 days'
               else s.updated_at > now() - interval '25 hours' end);
end
$$;

create function payments.checkout_params(session payments.checkout_session) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  request jsonb;
  params jsonb;
begin
  select jsonb_build_object(
           'version', payments.stripe_version(),
           'defaults', payments.checkout_defaults_of(session.environment, null),
           'prices', jsonb_agg(jsonb_build_object('price', i.price, 'recurring', i.recurring,
                                                  'params', payments.checkout_defaults_of(session.environment, i.price)) order by i.place),
           'row', jsonb_build_object(
             'mode', session.mode,
             'line_items', jsonb_agg(jsonb_strip_nulls(jsonb_build_object('price', i.price, 'quantity', i.quantity)) order by i.place),
             'success_url', session.success_url,
             'cancel_url', session.cancel_url,
             'client_reference_id', session.id::text,
             'metadata', payments.metadata_to_send(session)),
           'customer', (
             select m.stripe_customer_id
               from payments.stripe_customer_mappings m
              where m.environment = session.environment and m.subject_type = session.subject_type and m.subject_id = session.subject_id),
           'customer_email', session.customer_email,
           'has_subject', session.subject_id is not null,
           'currency', payments.checkout_currency(session),
           'may_have_trial', true,
           'now', floor(extract(epoch from clock_timestamp()))::bigint)
    into request
    from payments.session_items(session) i;
  params := payments.merged_checkout_params(request);
  if params #> '{subscription_data,trial_period_days}' is not null and not payments.may_have_trial(session) then
    params := payments.merged_checkout_params(request || '{"may_have_trial": false}');
  end if;
  return params;
end
$$;

set local search_path = payments, pg_temp;
