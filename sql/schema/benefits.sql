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

-- One benefit, set or changed; what was bought before keeps what it was promised.
create function payments.set_benefit(environment text, reference text, credits_per_unit bigint, key text, duration interval,
                                     past_due boolean, paused boolean) returns void
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
  end;
begin
  if wrong is not null then
    raise exception 'such a benefit cannot be set' using errcode = 'invalid_parameter_value',
      detail = payments.without_secrets(format('Given: %s.', wrong)),
      hint = 'Name environment test or live, a price_… or prod_… id or another that the catalog knows there, and credits above zero or an entitlement''s key.';
  end if;
  insert into payments.benefits as b (environment, stripe_price_id, stripe_product_id, credits_per_unit, key, duration, past_due, paused)
  values (set_benefit.environment, case when not is_product then reference end, case when is_product then reference end,
          set_benefit.credits_per_unit, set_benefit.key, set_benefit.duration, coalesce(set_benefit.past_due, false), coalesce(set_benefit.paused, true))
  on conflict (environment, (coalesce(stripe_price_id, stripe_product_id)), (coalesce(key, ''))) do update
     set credits_per_unit = excluded.credits_per_unit, duration = excluded.duration, past_due = excluded.past_due,
         paused = excluded.paused, updated_at = now();
end
$$;

/* Buying one unit of a price (price_…) or of any price of a product (prod_…, or its own id if the catalog knows it) gives so many credits. Set again, it counts
   for what is bought from then on. Raises 22023. */
create function payments.set_credit_benefit(environment text, price_or_product text, credits_per_unit bigint) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_credit_benefit_body(environment text, price_or_product text, credits_per_unit bigint) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.set_benefit($1, $2, $3, null, null, false, true) $$;

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
   a benefit. */
create function payments.remove_benefit(environment text, price_or_product text, key text default null) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.remove_benefit_body(environment text, price_or_product text, key text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  delete from payments.benefits b
   where b.environment = remove_benefit_body.environment
     and coalesce(b.stripe_price_id, b.stripe_product_id) = price_or_product
     and coalesce(b.key, '') = coalesce(remove_benefit_body.key, '');
  return found;
end
$$;

set local search_path = payments, pg_temp;
