-- insert_fulfillments: saves first decisions, unless another transaction has saved some.
-- $1 environments, $2 sources, $3 kinds, $4 target tables, $5 items, $6 states, $7 reasons, $8 benefit sources text[],
-- $9 amounts due, $10 granted, $11 reversed bigint[], $12 currencies text[], $13 starts_at, $14 expires_at timestamptz[],
-- $15 matches boolean[], $16 prior order statuses, $17 durations, $18 holders text[], $19 paid_at timestamptz[]
insert into payments.fulfillments
  (environment, source, kind, target_table, item, state, reason, benefit_source, amount_due, granted, amount_reversed,
   currency, starts_at, expires_at, matches, prior_order_status, duration,
   holder, paid_at)
select r.environment, r.source, r.kind, r.target_table, r.item, r.state, r.reason, r.benefit_source, r.amount_due,
       r.granted, r.amount_reversed, r.currency,
       r.starts_at, r.expires_at, r.matches, r.prior_order_status, r.duration::interval, r.holder, r.paid_at
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as kind, pg_catalog.unnest($4::pg_catalog.text[]) as target_table,
               pg_catalog.unnest($5::pg_catalog.text[]) as item, pg_catalog.unnest($6::pg_catalog.text[]) as state,
               pg_catalog.unnest($7::pg_catalog.text[]) as reason, pg_catalog.unnest($8::pg_catalog.text[]) as benefit_source,
               pg_catalog.unnest($9::bigint[]) as amount_due, pg_catalog.unnest($10::bigint[]) as granted,
               pg_catalog.unnest($11::bigint[]) as amount_reversed, pg_catalog.unnest($12::pg_catalog.text[]) as currency,
               pg_catalog.unnest($13::pg_catalog.timestamptz[]) as starts_at,
               pg_catalog.unnest($14::pg_catalog.timestamptz[]) as expires_at,
               pg_catalog.unnest($15::boolean[]) as matches,
               pg_catalog.unnest($16::pg_catalog.text[]) as prior_order_status,
               pg_catalog.unnest($17::pg_catalog.text[]) as duration,
               pg_catalog.unnest($18::pg_catalog.text[]) as holder,
               pg_catalog.unnest($19::pg_catalog.timestamptz[]) as paid_at) as r
on conflict (environment, source, kind, target_table, item) do nothing;

-- record_fulfillments: saves decisions.
-- $1 environments, $2 sources, $3 kinds, $4 target tables, $5 items, $6 states, $7 reasons, $8 benefit sources text[],
-- $9 amounts due, $10 granted, $11 reversed bigint[], $12 currencies text[], $13 starts_at, $14 expires_at timestamptz[],
-- $15 matches boolean[], $16 prior order statuses, $17 durations, $18 holders text[], $19 paid_at timestamptz[]
insert into payments.fulfillments as f
  (environment, source, kind, target_table, item, state, reason, benefit_source, amount_due, granted, amount_reversed,
   currency, starts_at, expires_at, matches, prior_order_status, duration,
   holder, paid_at)
select r.environment, r.source, r.kind, r.target_table, r.item, r.state, r.reason, r.benefit_source, r.amount_due,
       r.granted, r.amount_reversed, r.currency,
       r.starts_at, r.expires_at, r.matches, r.prior_order_status, r.duration::interval, r.holder, r.paid_at
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as kind, pg_catalog.unnest($4::pg_catalog.text[]) as target_table,
               pg_catalog.unnest($5::pg_catalog.text[]) as item, pg_catalog.unnest($6::pg_catalog.text[]) as state,
               pg_catalog.unnest($7::pg_catalog.text[]) as reason, pg_catalog.unnest($8::pg_catalog.text[]) as benefit_source,
               pg_catalog.unnest($9::bigint[]) as amount_due, pg_catalog.unnest($10::bigint[]) as granted,
               pg_catalog.unnest($11::bigint[]) as amount_reversed, pg_catalog.unnest($12::pg_catalog.text[]) as currency,
               pg_catalog.unnest($13::pg_catalog.timestamptz[]) as starts_at,
               pg_catalog.unnest($14::pg_catalog.timestamptz[]) as expires_at,
               pg_catalog.unnest($15::boolean[]) as matches,
               pg_catalog.unnest($16::pg_catalog.text[]) as prior_order_status,
               pg_catalog.unnest($17::pg_catalog.text[]) as duration,
               pg_catalog.unnest($18::pg_catalog.text[]) as holder,
               pg_catalog.unnest($19::pg_catalog.timestamptz[]) as paid_at) as r
on conflict (environment, source, kind, target_table, item) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = null, benefit_source = excluded.benefit_source,
       amount_due = excluded.amount_due, granted = excluded.granted, amount_reversed = excluded.amount_reversed,
       currency = excluded.currency, starts_at = excluded.starts_at, expires_at = excluded.expires_at,
       matches = excluded.matches, prior_order_status = excluded.prior_order_status, duration = excluded.duration,
       holder = excluded.holder, paid_at = excluded.paid_at, updated_at = pg_catalog.now()
 where row(f.state, f.reason, f.sqlstate, f.benefit_source, f.amount_due, f.granted, f.amount_reversed, f.currency,
        f.starts_at, f.expires_at, f.matches, f.prior_order_status, f.duration, f.holder, f.paid_at)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.state, excluded.reason, null::pg_catalog.text, excluded.benefit_source, excluded.amount_due,
        excluded.granted, excluded.amount_reversed, excluded.currency, excluded.starts_at, excluded.expires_at,
        excluded.matches, excluded.prior_order_status, excluded.duration, excluded.holder, excluded.paid_at);

-- record_failure: saves that giving raised an error. What was given before is kept, and so is the promise.
-- $1 environment, $2 source, $3 kind, $4 target table, $5 item, $6 reason, $7 sqlstate, $8 benefit source text, $9
-- amount due bigint, $10 expires_at timestamptz, $11 duration text
insert into payments.fulfillments as f
  (environment, source, kind, target_table, item, state, reason, sqlstate, attempts, benefit_source, amount_due, expires_at, duration)
values ($1, $2, $3, $4, $5, 'failed'::pg_catalog.text, $6, $7, 1, $8, $9,
        $10, $11::interval)
on conflict (environment, source, kind, target_table, item) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = excluded.sqlstate, attempts = f.attempts operator(pg_catalog.+) 1,
       benefit_source = coalesce(f.benefit_source, excluded.benefit_source), amount_due = coalesce(f.amount_due, excluded.amount_due),
       expires_at = coalesce(f.expires_at, excluded.expires_at), duration = coalesce(f.duration, excluded.duration), updated_at = pg_catalog.now();

-- delete_fulfillment: deletes the decisions on one item.
-- $1 source, $2 kind, $3 target table, $4 item, $5 environment not to touch, text
delete from payments.fulfillments f
 where f.source operator(pg_catalog.=) $1 and f.kind operator(pg_catalog.=) $2 and f.target_table operator(pg_catalog.=) $3
   and f.item operator(pg_catalog.=) $4 and (f.environment operator(pg_catalog.=) $5) is not true;
