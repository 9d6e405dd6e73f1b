set local search_path = pg_catalog, pg_temp;

-- What buying a price (or any price of a product) gives. Only an admin may say so.

-- Whether a reference is a product's, or else a price's; null where it is neither. Stripe lets an app choose the ids of its
-- products, and once those of its plans: what does not begin as Stripe's own ids do is looked up.
create function payments.is_product(environment text, reference text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
    when $2 ~ '^(price|plan)_[^[:space:]]+$' then false
    when $2 ~ '^prod_[^[:space:]]+$' then true
    when exists (select from payments.prices p where p.environment = $1 and p.stripe_price_id = $2) then false
    when exists (select from payments.products p where p.environment = $1 and p.stripe_product_id = $2) then true
  end
$$;

-- What one of a price costs, in the currency's smallest unit, whether it gives credits, and whether a trial of it gives them too (Gives of
-- core/src/session/free.rs). A price's own benefit takes precedence over its product's; product is its product where the catalog does not
-- know it.
create function payments.price_gives(environment text, price text, product text default null) returns json
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('unit', p.unit, 'credits', b.trials is not null, 'in_trials', coalesce(b.trials, false))
    from (select 1) one
    left join lateral (
      select o.stripe_product_id, coalesce(o.unit_amount_decimal, o.unit_amount::text) as unit
        from payments.prices o where o.stripe_price_id = $2 and o.environment = $1) p on true
    left join lateral (
      select g.trials
        from payments.benefits g
       where g.environment = $1 and g.key is null
         and coalesce(g.stripe_price_id, g.stripe_product_id) = any (array[$2, coalesce(p.stripe_product_id, $3)])
       order by g.stripe_price_id is null
       limit 1) b on true
$$;

-- One benefit, set or changed; what was bought before keeps what it was promised.
create function payments.set_benefit(environment text, reference text, credits_per_unit bigint, key text, duration interval,
                                     past_due boolean, paused boolean, until_period_end boolean default false,
                                     every interval default null, trials boolean default false) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  is_product boolean := payments.is_product(environment, reference);
  wrong text := case
    when environment is null or environment not in ('test', 'live') then format('environment %s', coalesce(environment, 'NULL'))
    when is_product is null then format('price or product %s', coalesce(reference, 'NULL'))
    when key is null and coalesce(credits_per_unit, 0) <= 0 then format('%s credits', coalesce(credits_per_unit::text, 'NULL'))
    when key = '' then 'an empty key'
    when duration <= interval '0' then format('duration %s', duration)
    when every < interval '1 hour' then format('parts of %s', every)
  end;
begin
  if wrong is not null then
    raise exception 'such a benefit cannot be set' using errcode = 'invalid_parameter_value',
      detail = payments.without_secrets(format('Given: %s.', wrong)),
      hint = 'Name environment test or live, a price_… or prod_… id or another that the catalog knows there, and credits above zero or an entitlement''s key.';
  end if;
  insert into payments.benefits as b (environment, stripe_price_id, stripe_product_id, credits_per_unit, key, duration, past_due, paused,
                                     until_period_end, every, trials)
  values (set_benefit.environment, case when not is_product then reference end, case when is_product then reference end,
          set_benefit.credits_per_unit, set_benefit.key, set_benefit.duration, coalesce(set_benefit.past_due, false),
          coalesce(set_benefit.paused, true), coalesce(set_benefit.until_period_end, false), set_benefit.every,
          coalesce(set_benefit.trials, false))
  on conflict (environment, (coalesce(stripe_price_id, stripe_product_id)), (coalesce(key, ''))) do update
     set credits_per_unit = excluded.credits_per_unit, duration = excluded.duration, past_due = excluded.past_due,
         paused = excluded.paused, until_period_end = excluded.until_period_end, every = excluded.every,
         trials = excluded.trials, updated_at = now();
end
$$;

-- What of a credit benefit the catalog knows to be wrong: a price that is billed by usage, or one bought once with what only a period
-- has.
create function payments.refuse_credit_benefit(environment text, reference text, of_periods boolean) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  wrong record;
begin
  select p.stripe_price_id, p.type, p.raw -> 'recurring' ->> 'usage_type' as usage into wrong
    from payments.prices p
   where p.environment = $1 and (p.stripe_price_id = $2 or p.stripe_product_id = $2)
     and (p.raw -> 'recurring' ->> 'usage_type' = 'metered' or ($3 and p.type = 'one_time' and p.stripe_price_id = $2))
     and (p.stripe_price_id = $2 or not exists (
            select from payments.prices o where o.environment = $1 and o.stripe_product_id = $2
               and o.raw -> 'recurring' ->> 'usage_type' is distinct from 'metered'))
   order by p.stripe_price_id limit 1;
  if found then
    raise exception 'such a benefit cannot be set' using errcode = 'invalid_parameter_value',
      detail = case when wrong.usage = 'metered' then format('Price %s is billed by usage: nobody knows beforehand how much of it a period has.', wrong.stripe_price_id)
                    else format('Price %s is bought once: it has no period, parts or trial.', wrong.stripe_price_id) end,
      hint = case when wrong.usage = 'metered' then 'Name a price that is licensed.'
                  else 'Leave until_period_end, every and trials out; lasts says for how long credits can be spent.' end;
  end if;
end
$$;

/* Each unit of a price (price_…) or of any price of a product (prod_…, or its own id if the catalog knows it) gives so many credits: of a
   recurring price for every paid period, or, with every, for each part of it. They lapse after lasts, or with their period or part where
   until_period_end; else they stay. A trial gives them only with trials. Set again, it counts for what is bought from then on. Raises
   22023, for a price that is billed by usage too. */
create function payments.set_credit_benefit(environment text, price_or_product text, credits bigint, lasts interval default null,
                                            until_period_end boolean default false, every interval default null,
                                            trials boolean default false) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_credit_benefit_body(environment text, price_or_product text, credits bigint, lasts interval,
                                            until_period_end boolean, every interval, trials boolean) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  select payments.refuse_credit_benefit($1, $2, coalesce($5, false) or $6 is not null or coalesce($7, false));
  select payments.set_benefit($1, $2, $3, null, $4, false, true, $5, $6, $7)
$$;

/* Buying a price or product, or subscribing to it, gives an entitlement: for a duration per unit from the time it was paid,
   or for good; bought again, the durations add up. Of a subscription for as long as it grants access, while it is past due too if
   past_due, and while its collection is paused unless paused is false. Raises 22023. */
create function payments.set_entitlement_benefit(environment text, price_or_product text, key text,
                                                 duration interval default null, past_due boolean default false,
                                                 paused boolean default true) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_entitlement_benefit_body(environment text, price_or_product text, key text,
                                                 duration interval, past_due boolean, paused boolean) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.set_benefit($1, $2, null, coalesce($3, ''), $4, $5, $6) $$;

/* Buying it gives this no longer (without a key: its credits). What was bought before stays. Returns whether there was such
   a benefit. Raises 22023 (the environment). */
create function payments.remove_benefit(environment text, price_or_product text, key text default null) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.remove_benefit_body(environment text, price_or_product text, key text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  delete from payments.benefits b
   where b.environment = remove_benefit_body.environment
     and coalesce(b.stripe_price_id, b.stripe_product_id) = price_or_product
     and coalesce(b.key, '') = coalesce(remove_benefit_body.key, '');
  return found;
end
$$;

set local search_path = payments, pg_temp;
