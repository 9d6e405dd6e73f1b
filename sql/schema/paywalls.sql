set local search_path = pg_catalog, pg_temp;

-- Paywalls: what the caller has, for one-line policies; and spending credits.

-- Whether the caller may read or spend what a subject has: a trusted backend, or whoever may use the subject.
create function payments.caller_may_use(caller text, subject_type text, subject_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.is_admin_role($1) or payments.may_use_subject($2, $3)
$$;

-- The keys that a user holds now, by themselves or through a subject that they may use; only key where it is not null.
create function payments.keys_held_by(user_id text, key text) returns text[]
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.keys_of($1, $2, array_agg(s.subject_type), array_agg(s.subject_id)) from payments.usable_subjects_of($1) s
$$;

/* The keys that the caller holds now, bought or subscribed to by themselves or by a subject that they may use. For large scans:
   using (course in (select payments.my_entitlements())). */
create function payments.my_entitlements() returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_entitlements_body() returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select unnest(payments.keys_held_by(payments.current_user_id(), null))
$$;

/* Whether the caller holds an entitlement now; nobody holds none (null). In a policy write (select payments.has_entitlement('course')), so that it is
   asked once a statement. */
create function payments.has_entitlement(key text) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.has_entitlement_body(key text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select $1 is not null and cardinality(payments.keys_held_by(payments.current_user_id(), $1)) > 0
$$;

/* The keys that a user holds now, by themselves or through a subject that they may use: for a trusted backend, which names the user. */
create function payments.entitlements_of(user_id text) returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.entitlements_of_body(user_id text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select unnest(payments.keys_held_by($1, null))
$$;

/* Whether a user holds an entitlement now: for a trusted backend, which names the user. */
create function payments.has_entitlement(key text, user_id text) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.has_entitlement_body(key text, user_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select $1 is not null and cardinality(payments.keys_held_by($2, $1)) > 0
$$;

-- Until when a subscription gives access: as long as any of its items gives a key, by the rule and policies of its keys; where none
-- gives a key, as a key with no policy would be given. Null where it gives none, infinity where nothing ends it. past_due
-- overrides the policies.
create function payments.access_until(environment text, stripe_subscription_id text, past_due boolean default null) returns timestamptz
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with item as (
    select s.status, s.pause_collection is not null as paused, s.cancel_at_period_end, s.cancel_at,
           coalesce(i.current_period_end, s.current_period_end) as period_end, i.stripe_price_id,
           coalesce(i.stripe_product_id, (select p.stripe_product_id from payments.prices p
                                           where p.stripe_price_id = i.stripe_price_id and p.environment = s.environment)) as product
      from payments.subscriptions s
      left join payments.subscription_items i on i.stripe_subscription_id = s.stripe_subscription_id and i.environment = s.environment
     where s.stripe_subscription_id = $2 and s.environment = $1
  ), giving as (
    select i.*, b.key, b.past_due as key_past_due, b.paused as key_paused
      from item i
      left join payments.benefits b
        on coalesce(b.stripe_price_id, b.stripe_product_id) in (i.stripe_price_id, i.product) and b.environment = $1 and b.key is not null
           -- a price's own benefit takes precedence over its product's
           and (b.stripe_price_id is not null or not exists (
             select from payments.benefits o
              where coalesce(o.stripe_price_id, o.stripe_product_id) = i.stripe_price_id and coalesce(o.key, '') = b.key and o.environment = $1))
  )
  select max(coalesce(payments.access_ends(g.period_end, g.cancel_at_period_end, g.cancel_at), 'infinity'))
    from giving g
   where (g.key is not null or not exists (select from giving o where o.key is not null))
     and payments.grants_access(g.status, g.paused, coalesce($3, g.key_past_due, false), coalesce(g.key_paused, true))
$$;

/* Whether a subject has a subscription that gives access now, by the rule of all paywalls: trialing or active, past due and with its
   collection paused by the policies of its keys (past_due, where given, overrides these), until the period of an item ends; unless it is
   scheduled to end then, payments.period_grace longer, for a late renewal. Once live was approved, only subscriptions of live do. Of a
   subject that the caller may not use it says false. */
create function payments.has_active_subscription(subject_type text, subject_id text, past_due boolean default null) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.has_active_subscription_body(subject_type text, subject_id text, past_due boolean) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.caller_may_use(payments.outer_role(), $1, $2) and exists (
    select from payments.subscriptions s
     where s.subject_type = $1 and s.subject_id = $2 and s.environment = (select payments.effective_environment())
      and payments.access_until(s.environment, s.stripe_subscription_id, $3) > now())
$$;

/* The ids of the subjects of a type that the caller may use and that have such a subscription. For large scans:
   using (team_id in (select payments.my_active_subscriptions('team'))). */
create function payments.my_active_subscriptions(subject_type text, past_due boolean default null) returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_active_subscriptions_body(subject_type text, past_due boolean) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select distinct s.subject_id
    from payments.subscriptions s
   where s.subject_type = $1 and s.subject_id in (select m from payments.my_usable_subjects($1) m)
     and s.environment = (select payments.effective_environment())
     and payments.access_until(s.environment, s.stripe_subscription_id, $2) > now()
$$;

/* A subject's credits; null where the caller may not use the subject. */
create function payments.credit_balance(subject_type text, subject_id text) returns bigint
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.credit_balance_body(subject_type text, subject_id text) returns bigint
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select case when payments.caller_may_use(payments.outer_role(), $1, $2) then payments.balance_of($1, $2) end $$;

/* The balances of the subjects of a type that the caller may use. For large scans:
   using (team_id in (select b.subject_id from payments.my_credit_balances('team') b where b.balance > 0)). */
create function payments.my_credit_balances(subject_type text) returns table (subject_id text, balance bigint)
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_credit_balances_body(subject_type text) returns table (subject_id text, balance bigint)
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select m, payments.balance_of($1, m) from payments.my_usable_subjects($1) m $$;

/* Spends credits of a subject that the caller may use (a trusted backend: of any), and returns the balance after it. Never
   below zero, whatever the concurrency. The same key of the same subject spends once, and returns what it returned then.

   Raises 22023 (amount, key), 42501 (a subject that the caller may not use), PT402 (not enough credits; 402 through PostgREST), PT409
   (the key was used for another amount), 55000 (no ledger is attached), 25001 (the isolation level is not read committed,
   and so would hide what others spend). */
create function payments.spend_credits(subject_type text, subject_id text, amount bigint, idempotency_key text, reason text default null)
  returns bigint
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.spend_credits_body(subject_type text, subject_id text, amount bigint, idempotency_key text, reason text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant text := payments.outer_role();
begin
  perform payments.hide_secrets_from_log(array[subject_type, subject_id, idempotency_key, reason]);
  if coalesce(amount, 0) <= 0 then
    raise exception 'credits to spend must be more than zero' using errcode = 'invalid_parameter_value',
      detail = format('Amount: %s.', coalesce(amount::text, 'NULL')), hint = 'Use payments.adjust_credits as an admin to give credits.';
  end if;
  return payments.change_credits(caller, subject_type, subject_id, -amount, 'spend', idempotency_key, reason);
end
$$;

/* Gives or takes credits by hand, down to zero; admins only. Otherwise as spend_credits. */
create function payments.adjust_credits(subject_type text, subject_id text, delta bigint, idempotency_key text, reason text default null)
  returns bigint
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_admin';

create function payments.adjust_credits_body(subject_type text, subject_id text, delta bigint, idempotency_key text, reason text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant text := payments.outer_role();
begin
  perform payments.hide_secrets_from_log(array[subject_type, subject_id, idempotency_key, reason]);
  if coalesce(delta, 0) = 0 then
    raise exception 'there is nothing to adjust' using errcode = 'invalid_parameter_value',
      detail = format('Delta: %s.', coalesce(delta::text, 'NULL')), hint = 'Give the change: 10, or -10.';
  end if;
  return payments.change_credits(caller, subject_type, subject_id, delta, 'adjustment', idempotency_key, reason);
end
$$;

-- A source that no other subject or key can have: within type and id, colons and backslashes are escaped.
create function payments.source_of_change(reason text, subject_type text, subject_id text, idempotency_key text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(':', $1, regexp_replace($2, '([:\\])', '\\\1', 'g'), regexp_replace($3, '([:\\])', '\\\1', 'g'), $4)
$$;

create function payments.change_credits(caller text, subject_type text, subject_id text, delta bigint, reason text, idempotency_key text, note text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  changed jsonb;
begin
  if coalesce(idempotency_key, '') = '' or length(idempotency_key) > 200 then
    raise exception 'an idempotency key is needed' using errcode = 'invalid_parameter_value',
      detail = payments.without_secrets(format('Key: %s.', coalesce(left(idempotency_key, 200), 'NULL'))),
      hint = 'Pass an id of what is bought with the credits, at most 200 characters: the same key spends once.';
  end if;
  if subject_type is null or subject_id is null or not payments.caller_may_use(caller, subject_type, subject_id) then
    raise exception 'the caller may not use the credits of this subject' using errcode = 'insufficient_privilege',
      detail = payments.without_secrets(format('Subject: %s %s.', coalesce(subject_type, 'NULL'), coalesce(subject_id, 'NULL'))),
      hint = 'Name a subject that the caller may use, or call it from the backend.';
  end if;
  changed := payments.change_balance(subject_type, subject_id, delta, reason,
                                     payments.source_of_change(reason, subject_type, subject_id, idempotency_key), note);
  case changed ->> 'outcome'
    when 'short' then
      raise exception 'not enough credits' using errcode = 'PT402',
        detail = payments.without_secrets(format('Subject %s %s has %s, %s were asked for.', subject_type, subject_id, changed ->> 'balance', -delta)),
        hint = 'Buy more credits.';
    when 'conflict' then
      raise exception 'idempotency key used for another request' using errcode = 'PT409',
        detail = payments.without_secrets(format('Key: %s.', idempotency_key)), hint = 'Use a new key for another amount.';
    else
      return (changed ->> 'balance')::bigint;
  end case;
end
$$;

set local search_path = payments, pg_temp;
